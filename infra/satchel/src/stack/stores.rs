//! Where files are: in the data folder, with an S3 server on it where one is asked for, or in another S3.

use std::{net::SocketAddr, time::Duration};

use satchel_aws::{sdk::SdkConfig, storage::Storage};
use satchel_core::config::S3Config;
use satchel_folder::Store;
use satchel_listener::Terms;
use tokio::task::JoinHandle;

use super::{error::StackError, options::Options};
use crate::{
    another_s3::{self, Caveat},
    any_store::AnyStore,
    data_folder::DataFolderError,
    health::Check,
    journal::Sink,
    own_files::BoundS3,
    settings::Settings,
    status::shelves::Shelves,
    storage,
};

/// No API Gateway waits here: a store that copies slowly may take its time.
const COPY_DEADLINE: Duration = Duration::from_secs(900);
/// The store in the data folder, where files are kept there.
pub async fn own(options: &Options, notices: &Sink) -> Result<Option<Store>, StackError> {
    if !options.settings.embedded() {
        return Ok(None);
    }
    let choices = storage::options(&options.settings, &options.clock, notices.clone())?;
    Ok(Some(storage::open(&options.data, &options.settings, choices).await?))
}

/// Says whether files can be stored, as it was given or as the store is.
pub fn check(options: &Options, store: Option<&Store>) -> Result<Check, StackError> {
    let unusable = |cause| DataFolderError { folder: options.data.clone(), cause };
    match (&options.check, store) {
        (Some(check), _) => Ok(check.clone()),
        (None, Some(store)) => Ok(storage::check(store)),
        (None, None) => Ok(Check::of_folder(&options.data).map_err(unusable)?),
    }
}

/// Another S3, and what still finds out how it behaves.
pub async fn another(
    options: &Options,
    config: &S3Config,
    sdk: &SdkConfig,
    settings: &Settings,
    notices: Sink,
    caveat: Caveat,
) -> (AnyStore, Option<JoinHandle<()>>) {
    let objects = Storage::new(config, sdk).with_copy_deadline(COPY_DEADLINE);
    let objects = objects.with_clock(options.clock.clone()).with_notices(notices.clone());
    let objects = objects.with_patience(options.s3_patience);
    let objects = another_s3::met(objects, &settings.s3_endpoint().unwrap_or_default());
    let probing = another_s3::find_out(&objects, notices, caveat, options.s3_patience).await;
    (AnyStore::S3(Box::new(objects)), probing)
}

/// The S3 server on the data folder, bound, where it is asked for.
pub async fn s3_server(
    options: &Options,
    store: Option<&Store>,
    at: Option<SocketAddr>,
    terms: Terms,
) -> Result<Option<BoundS3>, StackError> {
    match (store, at) {
        (Some(store), Some(at)) => Ok(Some(BoundS3::bind(at, store.clone(), &options.settings, terms).await?)),
        _ => Ok(None),
    }
}

/// What the status page tells of the data folder.
pub async fn shelves(store: Option<&Store>, config: &S3Config) -> Result<Option<Shelves>, StackError> {
    match store {
        Some(store) => Ok(Some(Shelves::open(store.clone(), &config.bucket, config.retention).await?)),
        None => Ok(None),
    }
}

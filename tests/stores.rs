//! What every store keeps to: the folder, S3, and the program's choice of them.

use std::{cell::RefCell, path::Path};

use satchel_aws::clock::Clock;
use satchel_core::config::{S3Config, UploadConfig};
use satchel_local::{any_store::AnyStore, files::Files};
use satchel_s3::Store;
use satchel_store::conformance::{self, Has};

use crate::support::{BUCKET, PlainS3, World, elsewhere};

/// The configuration of a bucket, wherever it is.
fn config() -> S3Config {
    let variables = elsewhere("127.0.0.1:9");
    let lookup = |name: &str| match name {
        "SATCHEL_UPLOAD_SECRETS" => Some("secret".to_owned()),
        name => variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()),
    };
    UploadConfig::parse(lookup).unwrap().s3
}

/// The folder's files. One that was open is closed first.
async fn files(folder: &Path, open: &RefCell<Option<Store>>) -> Files {
    let before = open.take();
    if let Some(before) = before {
        before.close().await.unwrap();
    }
    let store = Store::open(folder).await.unwrap();
    store.create_bucket(BUCKET).await.unwrap();
    open.replace(Some(store.clone()));
    Files::new(store, &config(), Clock::System)
}

#[tokio::test]
async fn the_folder_takes_resumable_uploads() {
    let (folder, open) = (tempfile::tempdir().unwrap(), RefCell::default());
    conformance::resumable(async || files(folder.path(), &open).await).await;
}

#[tokio::test]
async fn the_programs_store_takes_resumable_uploads() {
    let (folder, open) = (tempfile::tempdir().unwrap(), RefCell::default());
    conformance::resumable(async || AnyStore::Folder(files(folder.path(), &open).await)).await;
}

#[tokio::test]
async fn s3_takes_resumable_uploads() {
    let s3 = PlainS3::start().await;
    let world: World = s3.world(Vec::new()).await;
    conformance::resumable(async || world.storage()).await;
    world.stop().await;
    s3.stop().await;
}

const FOLDER: Has = Has { reads_after_removal: true, conditional_deletions: true };
const S3: Has = Has { reads_after_removal: false, conditional_deletions: true };

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_keeps_files() {
    let (folder, open) = (tempfile::tempdir().unwrap(), RefCell::default());
    let store = files(folder.path(), &open).await;
    conformance::objects(async || store.clone(), FOLDER).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_keeps_documents() {
    let (folder, open) = (tempfile::tempdir().unwrap(), RefCell::default());
    let store = files(folder.path(), &open).await;
    conformance::documents(async || store.clone()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_is_looked_after() {
    let (folder, open) = (tempfile::tempdir().unwrap(), RefCell::default());
    let store = files(folder.path(), &open).await;
    conformance::inventory(async || (store.clone(), store.clone()), FOLDER).await;
    conformance::upkeep(async || store.clone()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_keeps_documents() {
    let s3 = PlainS3::start().await;
    let world = s3.world(Vec::new()).await;
    conformance::documents(async || world.documents()).await;
    world.stop().await;
    s3.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_is_looked_after_by_both_clients() {
    let s3 = PlainS3::start().await;
    let world = s3.world(Vec::new()).await;
    conformance::inventory(async || (world.storage(), world.storage()), S3).await;
    conformance::upkeep(async || world.storage()).await;
    world.stop().await;
    s3.stop().await;
    // Whatever the first has left is another's.
    let s3 = PlainS3::start().await;
    let world = s3.world(Vec::new()).await;
    conformance::inventory(async || (world.documents(), world.storage()), S3).await;
    world.stop().await;
    s3.stop().await;
}

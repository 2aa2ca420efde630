//! What every store keeps to: the folder, S3 in this process and elsewhere, and the program's choice of them.

use std::{cell::RefCell, path::Path};

use satchel::{any_store::AnyStore, files::Files};
use satchel_aws::{clock::Clock, sdk, storage::Storage};
use satchel_core::config::{FromEnvironment, S3Config};
use satchel_s3::Store;
use satchel_store::conformance::{self, Has};
use satchel_upload::UploadConfig;

use crate::support::{BUCKET, PlainS3, World, elsewhere};

/// The configuration of a bucket. Without retention: every file that expires has an entry.
fn config(variable: impl Fn(&str) -> Option<String>) -> S3Config {
    let secret = |name: &str| (name == "SATCHEL_UPLOAD_SECRETS").then(|| "secret".to_owned());
    UploadConfig::parse(|name| variable(name).or_else(|| secret(name))).unwrap().s3
}

/// The same of one that may be anywhere.
fn config_of_files() -> S3Config {
    let variables = elsewhere("127.0.0.1:9");
    config(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()))
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
    Files::new(store, &config_of_files(), Clock::System)
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

const FOLDER: Has =
    Has { reads_after_removal: true, conditional_deletions: true, names_over_255_bytes: true, byte_order: true };
const S3: Has = Has { reads_after_removal: false, ..FOLDER };

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
async fn s3_keeps_files() {
    let s3 = PlainS3::start().await;
    let world = s3.world(Vec::new()).await;
    conformance::objects(async || world.storage(), S3).await;
    world.stop().await;
    s3.stop().await;
}

/// As the program has one that it does not know, which is looked at before each write.
#[tokio::test(flavor = "multi_thread")]
async fn an_s3_that_is_not_trusted_keeps_files() {
    let s3 = PlainS3::start().await;
    let world = s3.world(Vec::new()).await;
    let doubted = async || AnyStore::S3(world.storage().doubting_conditions().into());
    conformance::objects(doubted, S3).await;
    world.stop().await;
    s3.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_keeps_documents() {
    let s3 = PlainS3::start().await;
    let world = s3.world(Vec::new()).await;
    conformance::documents(async || world.storage()).await;
    world.stop().await;
    s3.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_is_looked_after() {
    let s3 = PlainS3::start().await;
    let world = s3.world(Vec::new()).await;
    conformance::inventory(async || (world.storage(), world.storage()), S3).await;
    conformance::upkeep(async || world.storage()).await;
    world.stop().await;
    s3.stop().await;
}

/// The environment names it, as it does to the program, and what it lacks: see `tests/e2e/test_seaweedfs.py`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs an S3 elsewhere, named by AWS_ENDPOINT_URL_S3"]
async fn an_s3_elsewhere_keeps_to_all_of_it() {
    let variable = |name: &str| std::env::var(name).ok();
    let config = config(variable);
    let endpoint = variable("AWS_ENDPOINT_URL_S3").unwrap();
    let storage = Storage::new(&config, &sdk::of_machine(variable).await.unwrap()).doubting_conditions();
    let holds = storage.probe_conditions("conformance").await.unwrap();
    assert_eq!(holds, Some(true), "{endpoint} has no conditional writes");
    let any = async || AnyStore::S3(storage.clone().into());
    let lacking = variable("STORE_LACKS").unwrap_or_default();
    let has = |ability| !lacking.split(' ').any(|lacks| lacks == ability);
    let has = Has {
        conditional_deletions: has("conditional_deletions"),
        names_over_255_bytes: has("names_over_255_bytes"),
        byte_order: has("byte_order"),
        ..S3
    };
    conformance::objects(any, has).await;
    conformance::documents(any).await;
    conformance::resumable(any).await;
    conformance::inventory(async || (any().await, any().await), has).await;
    conformance::upkeep(any).await;
    println!("{endpoint} keeps to all of it");
}

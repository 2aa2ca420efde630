//! What the program keeps, looked at past its functions: in its folder, or in the S3 that it is over.

use std::collections::HashMap;

use aws_sdk_s3::Client;
use satchel_aws::{
    sdk::{self, SdkConfig},
    storage::Storage,
};
use satchel_core::config::{FromEnvironment, S3Config};
use satchel_folder::{Address, Query};
use satchel_upload::UploadConfig;

use super::World;
use crate::support::plain_s3::{BUCKET, s3_client};

impl World {
    /// The keys there are, under a prefix.
    pub async fn keys(&self, prefix: &str) -> Vec<String> {
        let Some(store) = self.stack.store() else {
            let listed = self.s3().list_objects_v2().bucket(BUCKET).prefix(prefix).send().await.unwrap();
            return listed.contents().iter().map(|object| object.key().unwrap().to_owned()).collect();
        };
        let query = Query { prefix: prefix.to_owned(), limit: 1_000, ..Query::default() };
        let listed = store.list_objects(BUCKET, &query).unwrap();
        listed.entries.into_iter().map(|(key, _)| key).collect()
    }

    /// What is stored with an object besides its bytes.
    pub async fn metadata(&self, key: &str) -> HashMap<String, String> {
        let Some(store) = self.stack.store() else {
            let head = self.s3().head_object().bucket(BUCKET).key(key).send().await.unwrap();
            return head.metadata.unwrap_or_default();
        };
        let at = Address { bucket: BUCKET.to_owned(), key: key.to_owned() };
        store.head(&at).unwrap().headers.metadata.into_iter().collect()
    }

    /// Deletes an object past the functions.
    pub async fn remove(&self, key: &str) {
        let Some(store) = self.stack.store() else {
            self.s3().delete_object().bucket(BUCKET).key(key).send().await.unwrap();
            return;
        };
        let at = Address { bucket: BUCKET.to_owned(), key: key.to_owned() };
        store.delete(at, None).await.unwrap();
    }

    /// How many uploads are under way.
    pub async fn unfinished(&self) -> usize {
        match self.stack.store() {
            None => self.s3().list_multipart_uploads().bucket(BUCKET).send().await.unwrap().uploads().len(),
            Some(store) => {
                store.list_uploads(BUCKET, &Query { limit: 1_000, ..Query::default() }, None).unwrap().entries.len()
            }
        }
    }

    /// Whether nothing at all is stored.
    pub async fn is_empty(&self) -> bool {
        self.keys("").await.is_empty()
    }

    pub fn s3_endpoint(&self) -> String {
        let own = self.stack.s3_address().map(|address| format!("http://{address}"));
        let endpoint = own.unwrap_or_else(|| self.variable("AWS_ENDPOINT_URL_S3"));
        assert!(!endpoint.is_empty(), "this world has no S3: set it up with one");
        endpoint
    }

    /// The S3, past the functions.
    pub fn s3(&self) -> Client {
        let credentials = self.settings.credentials();
        s3_client(&self.s3_endpoint(), credentials.access_key_id(), credentials.secret_access_key())
    }

    /// AWS's settings, as the functions have them.
    pub fn sdk(&self) -> SdkConfig {
        sdk::of_known("us-east-1", self.settings.credentials(), Some(&self.s3_endpoint()))
    }

    /// The same by way of another address.
    pub fn sdk_by_way_of(&self, address: &str) -> SdkConfig {
        sdk::of_known("us-east-1", self.settings.credentials(), Some(&format!("http://{address}")))
    }

    /// The functions' own adapter to it.
    pub fn storage(&self) -> Storage {
        Storage::new(&self.s3_config(), &self.sdk())
    }

    fn s3_config(&self) -> S3Config {
        UploadConfig::parse(|name| Some(self.variable(name))).unwrap().s3
    }
}

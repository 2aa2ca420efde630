//! Uploads that go to S3 without passing through here.

use satchel_aws::presign::{Presigner, Validity};
use satchel_core::{
    answer::Answer, grant::PUT_URL_LIFE, head::Head, object_key::Key, route::Resource, time::Timestamp,
};
use satchel_store::{NewUpload, Objects};

use crate::{
    answers,
    error::UploadError,
    front::{self, Target},
};

/// An upload whose body is to be sent to S3. There is none without what signs its URL.
#[derive(Debug)]
pub struct SendTo<'a> {
    upload: NewUpload,
    presigner: &'a Presigner,
}

impl<'a> SendTo<'a> {
    pub(crate) const fn new(upload: NewUpload, presigner: &'a Presigner) -> Self {
        Self { upload, presigner }
    }

    /// Says where the body is to be sent to, or why nowhere.
    pub async fn answer(&self, head: &Head<'_>, store: &impl Objects, now: Timestamp) -> Answer {
        let target = self.target(store, now).await;
        let answered = target.map(|target| match head.resource() {
            Resource::Upload | Resource::Resume => front::redirected(&target),
            Resource::Authorize => front::allowed(&target),
        });
        answers::granted(head, &self.upload.grant, answered)
    }

    async fn target(&self, store: &impl Objects, now: Timestamp) -> Result<Target, UploadError> {
        let NewUpload { grant, digest: checksum } = &self.upload;
        let key = Key::of_grant(grant)?;
        if store.head(&grant.path).await?.is_some() {
            return Err(UploadError::Exists);
        }
        let validity = Validity { from: now, seconds: PUT_URL_LIFE };
        let url = self.presigner.put(key.as_str(), grant.size, *checksum, validity).await?;
        Ok(Target { url, checksum: *checksum })
    }
}

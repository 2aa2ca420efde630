//! What `resume` is configured with.

use satchel_core::{
    base_url::BaseUrl,
    config::{Configuration, Environment, FromEnvironment, S3Config},
    put::PutPolicy,
};

use crate::limits::{EVENT_BODY_BYTES, Limits};

/// What `resume` is configured with.
#[derive(Debug, Clone)]
pub struct ResumeConfig {
    /// Where files go.
    pub s3: S3Config,
    /// As `upload` has it: tokens are the same.
    pub policy: PutPolicy,
    /// The path of `SATCHEL_PUBLIC_URL`.
    pub public_path: Option<String>,
    /// `SATCHEL_PUBLIC_URL`: what the addresses of uploads begin with; the address of the request without it.
    pub public_url: Option<BaseUrl>,
    /// Bytes of one request: an event's room, unless what stands before the function knows better.
    pub max_append_size: Option<u64>,
}

impl ResumeConfig {
    /// How much is taken.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits { max_size: self.policy.max_size, max_append_size: self.max_append_size }
    }
}

impl Configuration for ResumeConfig {
    fn s3(&self) -> &S3Config {
        &self.s3
    }
}

impl FromEnvironment for ResumeConfig {
    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        let s3 = S3Config::read_for_uploads(environment);
        let policy = PutPolicy::read(environment, s3.retention.message);
        let public_url = environment.public_base();
        let public_path = public_url.as_ref().map(|url| url.path().to_owned());
        let max_append_size = Some(EVENT_BODY_BYTES);
        policy.map(|policy| Self { s3, policy, public_path, public_url, max_append_size })
    }
}

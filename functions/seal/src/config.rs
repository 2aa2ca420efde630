//! What `seal` is configured with.

use satchel_core::config::{Configuration, Environment, FromEnvironment, S3Config};

/// What `seal` is configured with.
#[derive(Debug, Clone)]
pub struct SealConfig {
    /// Where files are.
    pub s3: S3Config,
}

impl Configuration for SealConfig {
    fn s3(&self) -> &S3Config {
        &self.s3
    }
}

impl FromEnvironment for SealConfig {
    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        Some(Self { s3: S3Config::read_for_uploads(environment) })
    }
}

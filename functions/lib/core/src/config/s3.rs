//! Which bucket stores the files.

use super::environment::Environment;
use crate::{base_url::BaseUrl, retention::Retention};

/// Which bucket stores the files. Its region, endpoint and credentials are AWS's own settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Config {
    /// `SATCHEL_BUCKET`.
    pub bucket: String,
    /// `SATCHEL_S3_PUBLIC_URL`: how clients reach it, where they need another address than the functions.
    pub public_endpoint: Option<BaseUrl>,
    /// `SATCHEL_S3_PATH_STYLE`: the bucket in the path instead of the host name.
    pub path_style: bool,
    /// `SATCHEL_RETENTION_DAYS`, `SATCHEL_PROFILE_RETENTION_DAYS`, `SATCHEL_EPHEMERAL_RETENTION_DAYS`: when the
    /// bucket's lifecycle rules delete what is older, in seconds. Only functions that store uploads ask.
    pub retention: Retention,
}

/// The configuration of a function that serves files.
pub trait Configuration {
    /// Where files are.
    fn s3(&self) -> &S3Config;
}

impl S3Config {
    /// Reads what every function has.
    pub fn read(environment: &mut Environment<'_>) -> Self {
        Self {
            bucket: environment.required("SATCHEL_BUCKET", "the bucket that stores the files"),
            public_endpoint: environment.endpoint("SATCHEL_S3_PUBLIC_URL"),
            path_style: environment.flag("SATCHEL_S3_PATH_STYLE"),
            retention: Retention::default(),
        }
    }

    /// The same for functions that store uploads.
    pub fn read_for_uploads(environment: &mut Environment<'_>) -> Self {
        let s3 = Self::read(environment);
        Self { retention: Retention::read(environment), ..s3 }
    }
}

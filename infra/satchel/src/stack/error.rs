//! Why a stack does not start.

use satchel_aws::sdk::SdkError;
use satchel_core::config::ConfigError;
use satchel_folder::StoreError;

use crate::{data_folder::DataFolderError, listen_error::ListenError, storage::FilesError};

/// Why a stack does not start.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// Variables are malformed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// AWS's own settings, for another S3.
    #[error(transparent)]
    Sdk(#[from] SdkError),
    /// The data folder cannot be used.
    #[error(transparent)]
    DataFolder(#[from] DataFolderError),
    /// An address is taken or not this machine's.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The files in the data folder cannot be had.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// What is stored cannot be counted.
    #[error("the bucket cannot be set up: {0}")]
    Bucket(#[from] StoreError),
}

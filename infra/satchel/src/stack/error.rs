//! Why a stack does not start, or a command is not carried out.

use std::{io, path::PathBuf};

use satchel_aws::sdk::SdkError;
use satchel_core::config::ConfigError;
use satchel_listener::Address;
use satchel_s3::{OpenError, StoreError};

use crate::lifecycle::TemplateError;

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
    #[error("the data folder {} cannot be used: {cause}; name another with --data", folder.display())]
    DataFolder {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// An address is taken or not this machine's.
    #[error("cannot listen on {address}: {cause}; choose another address with {option}")]
    Listen {
        /// The address.
        address: Address,
        /// The option that names it.
        option: &'static str,
        /// What the system says.
        cause: io::Error,
    },
    /// The store in the data folder cannot be opened.
    #[error("the files in the data folder cannot be opened: {0}")]
    Open(#[from] OpenError),
    /// The bucket cannot be made, or read.
    #[error("the bucket cannot be set up: {0}")]
    Bucket(#[from] StoreError),
    /// The lifecycle rules of the template cannot be followed.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// Another process has the files open, and does not listen to commands.
    #[error("the files in {} are in use, and no stack answers on {}; stop what uses them, or try again once it has started", data.display(), socket.display())]
    InUse {
        /// The data folder.
        data: PathBuf,
        /// Where a stack was looked for.
        socket: PathBuf,
    },
    /// A stack listens to commands, and does not carry this one out.
    #[error("the stack that runs on {} did not carry the command out: {problem}", data.display())]
    Command {
        /// The data folder.
        data: PathBuf,
        /// What went wrong.
        problem: String,
    },
    /// No randomness.
    #[error("the system gives no random bytes: {0}")]
    Randomness(#[from] getrandom::Error),
    /// No signals.
    #[error("signals cannot be received: {0}")]
    Signals(io::Error),
}

/// Of an address that `option` names.
pub(crate) fn listen_error(address: Address, option: &'static str, cause: io::Error) -> StackError {
    StackError::Listen { address, option, cause }
}

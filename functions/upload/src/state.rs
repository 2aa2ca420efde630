//! What `upload` keeps while it is warm.

use satchel_aws::storage::Storage;

use crate::config::UploadConfig;

/// Everything a request needs, built once per cold start.
pub type State<S = Storage> = satchel_aws::state::State<UploadConfig, S>;

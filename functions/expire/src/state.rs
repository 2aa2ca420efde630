//! What `expire` keeps while it is warm.

use satchel_aws::storage::Storage;

use crate::config::ExpireConfig;

/// Everything an event needs, built once per cold start.
pub type State<S = Storage> = satchel_aws::state::State<ExpireConfig, S>;

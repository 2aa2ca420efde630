//! Secrets that are kept at AWS.

mod live;
pub(crate) mod store;

pub use live::{Live, Lookup, RenewalError, Variables};
pub use store::{SecretError, SecretStore};

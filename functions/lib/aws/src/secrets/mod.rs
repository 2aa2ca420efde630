//! Secrets that are kept at AWS.

mod live;
mod store;

pub use live::{Live, Lookup, RenewalError, Variables};
pub use store::{SecretError, SecretStore};

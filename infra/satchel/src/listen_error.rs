//! An address that cannot be listened on.

use std::io;

use satchel_listener::Address;

/// An address is taken or not this machine's.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {cause}; choose another address with {option}")]
pub struct ListenError {
    /// The address.
    pub address: Address,
    /// The option that names it.
    pub option: &'static str,
    /// What the system says.
    pub cause: io::Error,
}

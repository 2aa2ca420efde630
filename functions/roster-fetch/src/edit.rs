//! What a request wants changed.

use satchel_core::precondition::Preconditions;

pub(crate) struct Edit<'a> {
    /// Rather than puts.
    pub(crate) deletes: bool,
    pub(crate) conditions: Preconditions,
    /// Whether the other side is changed along.
    pub(crate) mutual: bool,
    pub(crate) body: &'a [u8],
}

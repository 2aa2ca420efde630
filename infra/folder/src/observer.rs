//! Whoever sees the bytes of a body on its way.

/// Sees the bytes of a body as they pass, to make digests of its own.
pub trait Observer: Send + 'static {
    /// The next bytes.
    fn update(&mut self, bytes: &[u8]);
}

/// For those who need no digest but the store's own.
impl Observer for () {
    fn update(&mut self, _: &[u8]) {}
}

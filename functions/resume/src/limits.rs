//! How much a server takes, as `Upload-Limit` tells clients: a structured field (RFC 9651) of "Resumable Uploads for HTTP"
//! (draft-ietf-httpbis-resumable-upload, "Upload-Limit"), which tus clients may read to choose the size of their chunks.

/// The largest body that an event of Lambda has room for once it is base64: 4.5 MiB less 48 KiB for the rest of it (AWS:
/// "Lambda quotas").
pub const EVENT_BODY_BYTES: u64 = 4_669_440;

/// What is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a whole upload.
    pub max_size: u64,
    /// Bytes of one request, where not every upload would fit in one.
    pub max_append_size: Option<u64>,
}

impl Limits {
    /// The header's value.
    #[must_use]
    pub fn to_header(self) -> String {
        let append = self.max_append_size.map(|bytes| format!(", max-append-size={bytes}")).unwrap_or_default();
        format!("max-size={}{append}", self.max_size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_a_dictionary_of_numbers() {
        let limits = Limits { max_size: 1_000, max_append_size: Some(EVENT_BODY_BYTES) };
        assert_eq!(limits.to_header(), "max-size=1000, max-append-size=4669440");
        assert_eq!(Limits { max_append_size: None, ..limits }.to_header(), "max-size=1000");
    }
}

//! Tokens of HTTP (RFC 9110, section 5.6.2).

/// RFC 9110, section 5.6.2.
pub(super) fn is_token(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(is_token_byte)
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

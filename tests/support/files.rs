//! Files to share: what is in them, and where they are.

use satchel_core::upload_path::UploadPath;

/// Bytes that differ from place to place.
pub fn bytes(length: usize) -> Vec<u8> {
    (0_u32..).flat_map(|word| word.wrapping_mul(2_654_435_761).to_le_bytes()).take(length).collect()
}

/// The path of a file, as core has it.
pub fn path(decoded: &str) -> UploadPath {
    UploadPath::parse_decoded(decoded).unwrap()
}

//! What a blob file says it is.

use serde::{Deserialize, Serialize};

use crate::record::{ObjectHead, Segment};

/// What a blob is, told by the file itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::large_enum_variant, reason = "most are objects")]
pub(crate) enum Label {
    /// It makes an object, alone or with other blobs.
    Object {
        bucket: String,
        key: String,
        head: ObjectHead,
        /// Empty: the blob alone.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        segments: Vec<Segment>,
    },
    /// It is a part of a multipart upload.
    Part { upload: String, number: u32 },
}

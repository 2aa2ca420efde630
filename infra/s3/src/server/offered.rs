//! What each operation does with the parameters and headers that change its meaning. Any that is not listed here is
//! refused: a client that asks for encryption must not be told 200 for a file in the clear.

use http::{HeaderMap, Method};
use s3s::{S3Result, s3_error};

use super::signature;
use crate::query::Query;

/// An operation, with the query parameters and the headers it carries out.
struct Offer {
    operation: &'static str,
    parameters: &'static [&'static str],
    headers: &'static [&'static str],
}

/// What a client may send with every operation, as it changes nothing: who asks, when, and what the payload is.
const ALWAYS: [&str; 4] = ["x-amz-date", "x-amz-content-sha256", "x-amz-user-agent", "x-amz-security-token"];
/// Headers that would change what a write does, beside all `x-amz-*`.
const MEANINGFUL: [&str; 4] = ["content-range", "if-match", "if-none-match", "if-unmodified-since"];

const LIST: &[&str] = &["prefix", "delimiter", "max-keys", "encoding-type", "marker"];
const LIST_V2: &[&str] = &[
    "list-type",
    "prefix",
    "delimiter",
    "max-keys",
    "encoding-type",
    "continuation-token",
    "start-after",
    // Objects here have no owner to tell.
    "fetch-owner",
];
const LIST_UPLOADS: &[&str] =
    &["uploads", "prefix", "delimiter", "max-uploads", "encoding-type", "key-marker", "upload-id-marker"];
const READ: &[&str] = &[
    "versionId",
    "partNumber",
    "x-amz-checksum-mode",
    "response-content-type",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-cache-control",
    "response-expires",
];

/// Groups of headers, by what they are about; see [`GROUPS`].
const GROUPS: [(&str, &[&str]); 5] = [
    ("checksum", &["x-amz-sdk-checksum-algorithm"]),
    (
        "digest",
        &[
            "x-amz-checksum-crc32",
            "x-amz-checksum-crc32c",
            "x-amz-checksum-crc64nvme",
            "x-amz-checksum-sha1",
            "x-amz-checksum-sha256",
        ],
    ),
    ("chunks", &["x-amz-decoded-content-length", "x-amz-trailer"]),
    ("stored", &["x-amz-acl", "x-amz-storage-class"]),
    (
        "source",
        &[
            "x-amz-copy-source",
            "x-amz-copy-source-if-match",
            "x-amz-copy-source-if-none-match",
            "x-amz-copy-source-if-modified-since",
            "x-amz-copy-source-if-unmodified-since",
        ],
    ),
];

macro_rules! offers {
    ($($operation:literal: $parameters:expr, $headers:expr;)*) => {
        [$(Offer { operation: $operation, parameters: $parameters, headers: $headers }),*]
    };
}

/// A header of a [group](GROUPS) is named by the group.
const OFFERS: [Offer; 27] = offers! {
    "ListBuckets": &["max-buckets", "continuation-token", "prefix"], &[];
    "CreateBucket": &[], &["x-amz-acl", "x-amz-bucket-object-lock-enabled", "x-amz-object-ownership"];
    "DeleteBucket": &[], &[];
    "HeadBucket": &[], &[];
    "GetBucketLocation": &["location"], &[];
    "PutBucketCors": &["cors"], &["checksum", "digest"];
    "GetBucketCors": &["cors"], &[];
    "DeleteBucketCors": &["cors"], &[];
    "PutBucketLifecycleConfiguration": &["lifecycle"], &["checksum", "digest"];
    "GetBucketLifecycleConfiguration": &["lifecycle"], &[];
    "DeleteBucketLifecycle": &["lifecycle"], &[];
    "ListObjects": LIST, &[];
    "ListObjectsV2": LIST_V2, &[];
    "ListMultipartUploads": LIST_UPLOADS, &[];
    "DeleteObjects": &["delete"], &["checksum", "digest"];
    "GetObject": READ, &["x-amz-checksum-mode"];
    "HeadObject": READ, &["x-amz-checksum-mode"];
    "GetObjectTagging": &["tagging", "versionId"], &[];
    "PutObject": &[], &["checksum", "digest", "chunks", "stored", "x-amz-meta-", "if-match", "if-none-match"];
    "CopyObject": &[], &[
        "source", "stored", "x-amz-meta-", "x-amz-metadata-directive", "x-amz-tagging-directive", "if-match",
        "if-none-match"
    ];
    "DeleteObject": &["versionId"], &["if-match"];
    "CreateMultipartUpload": &["uploads"], &[
        "stored", "x-amz-meta-", "x-amz-checksum-algorithm", "x-amz-checksum-type", "x-amz-sdk-checksum-algorithm"
    ];
    "UploadPart": &["partNumber", "uploadId"], &["checksum", "digest", "chunks"];
    "UploadPartCopy": &["partNumber", "uploadId"], &["source", "x-amz-copy-source-range"];
    "ListParts": &["uploadId", "max-parts", "part-number-marker"], &[];
    "CompleteMultipartUpload": &["uploadId"], &[
        "digest", "x-amz-checksum-type", "x-amz-mp-object-size", "if-match", "if-none-match"
    ];
    "AbortMultipartUpload": &["uploadId"], &[];
};

/// Headers whose values say what is done anyway; with any other value they ask for something else.
const VALUES: [(&str, &[&str]); 5] = [
    ("x-amz-acl", &["private", "bucket-owner-full-control"]),
    ("x-amz-storage-class", &["STANDARD"]),
    // No object has tags: there are none to copy and none to replace.
    ("x-amz-tagging-directive", &["COPY", "REPLACE"]),
    ("x-amz-object-ownership", &["BucketOwnerEnforced"]),
    ("x-amz-bucket-object-lock-enabled", &["false", "False"]),
];

/// Refuses a request of `operation` that asks for more than is done.
pub(super) fn check(operation: &str, method: &Method, query: Option<&str>, headers: &HeaderMap) -> S3Result<()> {
    let Some(offer) = OFFERS.iter().find(|offer| offer.operation == operation) else {
        return Err(s3_error!(NotImplemented, "{operation} is not implemented"));
    };
    let query = Query::parse(query)?;
    if let Some(name) = query.names().find(|name| !offer.has_parameter(name)) {
        return Err(s3_error!(NotImplemented, "{operation} does not implement the query parameter {name}"));
    }
    let writes = !matches!(*method, Method::GET | Method::HEAD);
    let means = |name: &str| name.starts_with("x-amz-") || writes && MEANINGFUL.contains(&name);
    let values = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()));
    match values.into_iter().find(|(name, value)| means(name) && !offer.has_header(name, value)) {
        Some((name, _)) => Err(s3_error!(NotImplemented, "{operation} does not implement {name} with this value")),
        None => Ok(()),
    }
}

impl Offer {
    /// S3 ignores parameters that begin with `x-`, for whoever reads its logs. SDKs send `x-id`.
    fn has_parameter(&self, name: &str) -> bool {
        let is_custom = name.starts_with("x-") && !name.starts_with("x-amz-") || name == "x-amz-user-agent";
        is_custom || signature::is_parameter(name) || name == "X-Amz-User-Agent" || self.parameters.contains(&name)
    }

    fn has_header(&self, name: &str, value: &str) -> bool {
        let is_listed = |listed: &&str| {
            *listed == name
                || listed.ends_with('-') && name.starts_with(*listed)
                || GROUPS.iter().any(|(group, names)| group == listed && names.contains(&name))
        };
        let values = VALUES.iter().find(|(header, _)| *header == name);
        ALWAYS.contains(&name)
            || self.headers.iter().any(is_listed) && values.is_none_or(|(_, values)| values.contains(&value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_done(operation: &str, method: &Method, query: &str, lines: &[(&'static str, &'static str)]) -> bool {
        let headers: HeaderMap =
            lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        check(operation, method, Some(query), &headers).is_ok()
    }

    #[test]
    fn what_sdks_always_send_is_done() {
        let ours = [
            ("x-amz-sdk-checksum-algorithm", "CRC32"),
            ("x-amz-checksum-crc32", "AAAAAA=="),
            ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
            ("x-amz-user-agent", "x"),
            ("amz-sdk-request", "attempt=1"),
            ("x-amzn-trace-id", "x"),
            ("x-amz-meta-anything", "x"),
            ("x-amz-acl", "private"),
            ("x-amz-storage-class", "STANDARD"),
            ("if-none-match", "*"),
            ("content-type", "text/plain"),
        ];
        assert!(is_done("PutObject", &Method::PUT, "x-id=PutObject&x-source=mine&X-Amz-Date=x", &ours));
    }

    #[test]
    fn what_is_not_done_is_refused() {
        let put = |name, value| is_done("PutObject", &Method::PUT, "", &[(name, value)]);
        for (name, value) in [
            ("x-amz-acl", "public-read"),
            ("x-amz-storage-class", "GLACIER"),
            ("x-amz-server-side-encryption", "AES256"),
            ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
            ("x-amz-write-offset-bytes", "20"),
            ("x-amz-object-lock-mode", "COMPLIANCE"),
            ("x-amz-tagging", "a=b"),
            ("x-amz-grant-read", "id=x"),
            ("x-amz-expected-bucket-owner", "1"),
            ("x-amz-copy-source", "/b/k"),
            ("x-amz-anything-new", "x"),
            ("content-range", "bytes 0-1/2"),
            ("if-unmodified-since", "x"),
        ] {
            assert!(!put(name, value), "{name}: {value}");
        }
        assert!(!is_done("DeleteObject", &Method::DELETE, "", &[("if-none-match", "*")]));
        assert!(!is_done("UploadPart", &Method::PUT, "partNumber=1&uploadId=x", &[("if-match", "x")]));
        assert!(is_done("GetObject", &Method::GET, "", &[("if-unmodified-since", "x")]));
        for (operation, method, query) in [
            ("PutObject", &Method::PUT, "uploadId=x"),
            ("DeleteObject", &Method::DELETE, "acl"),
            ("DeleteBucket", &Method::DELETE, "ownership"),
            ("GetObject", &Method::GET, "torrents"),
            ("GetObject", &Method::GET, "x-amz-acl=private"),
            ("GetObjectAcl", &Method::GET, "acl"),
        ] {
            assert!(!is_done(operation, method, query, &[]), "{operation} {query}");
        }
    }
}

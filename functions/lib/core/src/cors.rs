//! CORS: browser clients (Converse.js, JSXC) live on other origins and need this on every answer.

use http::{
    HeaderMap, HeaderValue,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    },
};

/// Methods a page may use.
pub const ALLOWED_METHODS: &str = "OPTIONS, HEAD, GET, PUT";
/// Headers a page may send: what the XMPP servers' modules allow, the digests Satchel checks, and what asks for a part
/// of a file or whether it has changed.
pub const ALLOWED_HEADERS: &str = "Authorization, Content-Type, Content-Digest, Repr-Digest, X-Checksum-SHA256, \
    Range, If-Range, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, Cache-Control";
/// Headers of a file that a page may see.
const FILE_HEADERS: &str = "Content-Length, Content-Range, Content-Disposition, ETag, Accept-Ranges";
/// Seconds a browser may keep the answer to a preflight.
pub const MAX_AGE: &str = "7200";

/// Adds the headers to an answer, errors included. `*` is safe: no cookie is ever looked at.
pub fn allow_any_origin(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(ALLOWED_METHODS));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ALLOWED_HEADERS));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
}

/// Lets a page see what is said about a file.
pub fn expose_file(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(FILE_HEADERS));
}

/// The same for rosters, which pages may edit and whose ETags they may read.
pub fn allow_editing(headers: &mut HeaderMap) {
    allow_any_origin(headers);
    let methods = HeaderValue::from_static("OPTIONS, HEAD, GET, PUT, DELETE");
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    let sent = HeaderValue::from_static("Authorization, Content-Type, If-Match, If-None-Match");
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, sent);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("ETag"));
}

/// The same for resumable uploads.
pub mod tus {
    use super::*;

    /// Methods a page may use.
    pub const ALLOWED_METHODS: &str = "OPTIONS, HEAD, POST, PATCH, DELETE";
    /// Headers a page may send: tus's own, the token's, and those that clients such as Uppy add.
    pub const ALLOWED_HEADERS: &str = "Authorization, Content-Type, Tus-Resumable, Upload-Length, Upload-Offset, \
        Upload-Metadata, Upload-Checksum, Upload-Defer-Length, Upload-Concat, X-HTTP-Method-Override, X-Session-Token, \
        X-Request-ID, X-Requested-With";
    /// Headers a page may see.
    pub const EXPOSED_HEADERS: &str = "Location, Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, \
        Tus-Checksum-Algorithm, Upload-Offset, Upload-Length, Upload-Metadata, Upload-Expires, Upload-Limit, \
        X-Session-Token, Retry-After";

    /// Adds the headers to an answer of the tus route, errors included.
    pub fn allow_any_origin(headers: &mut HeaderMap) {
        super::allow_any_origin(headers);
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(ALLOWED_METHODS));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ALLOWED_HEADERS));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
    }
}

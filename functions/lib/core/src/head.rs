//! A request's head: what an edge hands in, and all that it says of an upload, read once. What it says wrongly is an error in
//! its place, which counts for whoever asks for that.

use std::borrow::Cow;

use http::{HeaderMap, Method, StatusCode};

use crate::{
    credential::{Credential, CredentialError},
    digest::{DigestError, Sha256Digest},
    outcome::Failure,
    problem::Problem,
    route::{PathEncoding, Resource, Route, RouteError},
    upload_path::UploadPath,
};

/// How a front announces the size of a body that it keeps back.
pub const UPLOAD_LENGTH: &str = "x-upload-length";

/// What reads as a digest of every header, and as a malformed one.
const NO_DIGEST: &str = "sha-256=?";

/// The lengths of a request contradict each other or are no numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LengthError {
    /// Not a whole number.
    #[error("the {0} header is not a whole number of bytes")]
    Malformed(&'static str),
    /// Chunked transfer coding does not say beforehand how long the body is.
    #[error("the request has no Content-Length; chunked transfer coding is not enough")]
    Missing,
    /// The body has another length.
    #[error("the upload has {actual} bytes, {announced} were announced; nothing was stored")]
    Mismatch {
        /// Bytes the header says.
        announced: u64,
        /// Bytes there are.
        actual: u64,
    },
}

/// A Content-Type header that cannot be the one that was signed, nor be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the Content-Type header is not printable ASCII")]
pub struct ContentTypeNotText;

/// A head as an edge hands it in.
#[derive(Debug, Clone, Default)]
pub struct RawHead {
    /// The method.
    pub method: Method,
    /// The path as it was sent, but for what `encoding` says. Nothing but this counts: URL parsers collapse `..` and cut at `?`
    /// and `#`.
    pub path: String,
    /// What may have become of it.
    pub encoding: PathEncoding,
    /// The stage that API Gateway names.
    pub stage: Option<String>,
    /// The query's parameters, decoded, in their order.
    pub query: Vec<(String, String)>,
    /// One line of each.
    pub headers: HeaderMap,
    /// Bytes of the body that came along; none of one that is on its way or kept back.
    pub body_bytes: u64,
    /// The address that the request came to, without its query, where somebody other than the client says it.
    pub own_address: Option<String>,
}

impl RawHead {
    /// A header's value, where it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A header's value; one that is no text reads as something that no header of a protocol may be.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"))
    }

    /// The first value of a query parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The address that the request came to, without its query; where nobody but the client says it, by its Host header, with
    /// the scheme that a trusted proxy names. Without a host, the path alone.
    #[must_use]
    pub fn address(&self) -> Cow<'_, str> {
        if let Some(own) = &self.own_address {
            return own.into();
        }
        let Some(host) = self.header("host") else { return self.path.as_str().into() };
        let secure = self.header("x-forwarded-proto").is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
        format!("{}://{host}{}", if secure { "https" } else { "http" }, self.path).into()
    }
}

/// What a head says of an upload.
#[derive(Debug, Clone)]
pub struct Head<'a> {
    /// As it came.
    pub raw: &'a RawHead,
    /// Where it leads.
    pub route: Result<Route<'a>, RouteError>,
    /// The possible readings of the upload's path, at least one.
    pub paths: Result<Vec<UploadPath>, RouteError>,
    /// The token of header or query.
    pub credential: Result<Credential, CredentialError>,
    /// The name of the protocol that it tries, well-formed or not, for the log.
    pub protocol: Option<&'static str>,
    /// Bytes of the upload: the body's, checked against Content-Length; without a body what a front announces in
    /// `X-Upload-Length`, else Content-Length. `None` where nothing tells.
    pub length: Result<Option<u64>, LengthError>,
    /// The Content-Type header.
    pub content_type: Result<Option<&'a str>, ContentTypeNotText>,
    /// The digest that is announced. A header that is no text is malformed, not absent.
    pub digest: Result<Option<Sha256Digest>, DigestError>,
}

impl<'a> Head<'a> {
    /// Reads a head. `public_path` is the path of `SATCHEL_PUBLIC_URL`.
    #[must_use]
    pub fn read(raw: &'a RawHead, public_path: Option<&str>) -> Self {
        let route = Route::of(&raw.path, public_path, raw.stage.as_deref()).ok_or(RouteError::NotFound);
        let (authorization, parameter) = (raw.header("authorization"), |name: &str| raw.parameter(name));
        let content_type = raw.headers.get("content-type").map(|value| value.to_str());
        let digest = |name: &str| raw.headers.get(name).map(|value| value.to_str().unwrap_or(NO_DIGEST));
        Self {
            raw,
            paths: route.and_then(|route| Ok(route.readings(raw.encoding)?)),
            route,
            credential: Credential::select(authorization, parameter),
            protocol: Credential::tried(authorization, parameter, &raw.path),
            length: length(raw),
            content_type: content_type.transpose().map_err(|_| ContentTypeNotText),
            digest: Sha256Digest::announced(digest),
        }
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &'a Method {
        &self.raw.method
    }

    /// What is asked for; the upload itself, where the address is none.
    #[must_use]
    pub fn resource(&self) -> Resource {
        self.route.map_or(Resource::Upload, |route| route.resource)
    }

    /// The readings of a file's path.
    ///
    /// # Errors
    /// See [`RouteError`]; an address for resumable uploads is none.
    pub fn upload_paths(&self) -> Result<&[UploadPath], RouteError> {
        self.paths_of(|resource| resource != Resource::Resume)
    }

    /// The readings of a resumable upload's path.
    ///
    /// # Errors
    /// See [`RouteError`]; any other address is none.
    pub fn resume_paths(&self) -> Result<&[UploadPath], RouteError> {
        self.paths_of(|resource| resource == Resource::Resume)
    }

    fn paths_of(&self, is_meant: impl Fn(Resource) -> bool) -> Result<&[UploadPath], RouteError> {
        if is_meant(self.route?.resource) {
            self.paths.as_deref().map_err(|error| *error)
        } else {
            Err(RouteError::NotFound)
        }
    }

    /// The token that counts, with the paths that it may be for: that of header or query, else the one that ends the path and
    /// is no part of it.
    ///
    /// # Errors
    /// See [`CredentialError`].
    pub fn credential_for(&self, paths: &[UploadPath]) -> Result<(Credential, Vec<UploadPath>), CredentialError> {
        let is_missing = self.credential == Err(CredentialError::Missing);
        let in_path = paths.first().filter(|_| is_missing).and_then(Credential::in_path);
        match in_path {
            Some((credential, path)) => Ok((credential, vec![path])),
            None => Ok((self.credential.clone()?, paths.to_vec())),
        }
    }
}

fn length(raw: &RawHead) -> Result<Option<u64>, LengthError> {
    let (content, upload) = (number(raw, "content-length")?, number(raw, UPLOAD_LENGTH)?);
    if content.is_none() && raw.headers.contains_key("transfer-encoding") {
        return Err(LengthError::Missing);
    }
    // A front's own request has no body; its Content-Length is absent or 0.
    if let (Some(announced @ 1..), Some(upload)) = (content, upload)
        && announced != upload
    {
        return Err(LengthError::Mismatch { announced: upload, actual: announced });
    }
    match (raw.body_bytes, content.or(upload)) {
        (0, _) => Ok(upload.or(content)),
        (actual, Some(announced)) if announced != actual => Err(LengthError::Mismatch { announced, actual }),
        (actual, _) => Ok(Some(actual)),
    }
}

fn number(raw: &RawHead, name: &'static str) -> Result<Option<u64>, LengthError> {
    let Some(value) = raw.headers.get(name) else { return Ok(None) };
    let digits = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|text| text.parse().ok()).map(Some).ok_or(LengthError::Malformed(name))
}

impl Failure for LengthError {
    fn problem(&self) -> Problem {
        let (status, code) = match self {
            Self::Malformed(_) => (StatusCode::BAD_REQUEST, "length_malformed"),
            Self::Missing => (StatusCode::LENGTH_REQUIRED, "length_required"),
            Self::Mismatch { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "size_mismatch"),
        };
        Problem::new(status, code, self.to_string())
    }
}

impl Failure for ContentTypeNotText {
    fn problem(&self) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "content_type_malformed", self.to_string())
    }
}

#[cfg(test)]
mod tests;

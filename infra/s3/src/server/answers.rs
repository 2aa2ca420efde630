//! What every answer gets on its way out, whoever wrote it.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use s3s::{Body, S3ErrorCode};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
const END: &str = "</Error>";

/// What of a request its answer depends on.
pub(super) struct Asked {
    /// The client waits for `100 Continue`, and no body will make the server send one.
    waits_in_vain: bool,
    waits: bool,
}

impl Asked {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let headers = request.headers();
        let waits = headers.get(header::EXPECT).is_some_and(|it| it.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        let is_empty = headers.get(header::CONTENT_LENGTH).is_none_or(|it| it.as_bytes() == b"0")
            && !headers.contains_key(header::TRANSFER_ENCODING);
        Self { waits, waits_in_vain: waits && is_empty }
    }

    /// Fills in what S3 sends with all answers, and what s3s leaves out of its own.
    pub(super) fn complete(&self, mut response: Response<Body>) -> Response<Body> {
        let id = request_id();
        if response.status() == StatusCode::NOT_MODIFIED {
            // s3s puts an XML error here, and a 304 has no body.
            *response.body_mut() = Body::empty();
        } else if response.status().is_client_error() || response.status().is_server_error() {
            explain(&mut response, &id);
        }
        let failed = !response.status().is_success();
        let headers = response.headers_mut();
        set(headers, REQUEST_ID, &id);
        // What is stored came from strangers: it is what its type says and nothing that a browser makes of it.
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if self.waits_in_vain || self.waits && failed {
            // botocore takes an answer in place of a 100 only from a connection that ends with it.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// 16 hexadecimal digits, as S3's. Without random bytes it is only less useful.
fn request_id() -> String {
    let mut random = [0; 8];
    let _ = getrandom::fill(&mut random);
    format!("{:016X}", u64::from_be_bytes(random))
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// s3s writes errors without a sentence where it knows none, and without the request's id.
fn explain(response: &mut Response<Body>, id: &str) {
    let Some(xml) = response.body().bytes().and_then(|bytes| String::from_utf8(bytes.to_vec()).ok()) else { return };
    let Some(start) = xml.strip_suffix(END) else { return };
    let mut whole = start.to_owned();
    if !start.contains("<Message>") {
        let code = start.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map(|(code, _)| code);
        let _ = write!(whole, "<Message>{}</Message>", sentence(code.unwrap_or_default()));
    }
    let _ = write!(whole, "<RequestId>{id}</RequestId>{END}");
    if response.headers().contains_key(header::CONTENT_LENGTH) {
        response.headers_mut().insert(header::CONTENT_LENGTH, whole.len().into());
    }
    *response.body_mut() = Body::from(Bytes::from(whole));
}

/// For the codes that are given without a sentence, here or in s3s. They are S3's own, as far as they fit.
fn sentence(code: &str) -> &'static str {
    match S3ErrorCode::from_bytes(code.as_bytes()) {
        Some(S3ErrorCode::AccessDenied) => "Access Denied",
        Some(S3ErrorCode::InvalidAccessKeyId) => {
            "The access key does not exist; use the one this server was started with"
        }
        Some(S3ErrorCode::SignatureDoesNotMatch) => {
            "The signature does not match the request; check the secret key and that nothing changes the request on its way"
        }
        Some(S3ErrorCode::InternalError) => "The server failed; please try again",
        Some(S3ErrorCode::IncompleteBody) => {
            "The body is not whole: shorter or longer than announced, or its chunks are malformed"
        }
        Some(S3ErrorCode::RequestTimeout) => "The client sent nothing for too long; send the request again",
        Some(S3ErrorCode::MissingContentLength) => "Send Content-Length",
        Some(S3ErrorCode::EntityTooLarge) => "The body is larger than 5 GiB; use a multipart upload",
        Some(S3ErrorCode::InvalidURI) => "The URI cannot be parsed",
        Some(S3ErrorCode::InvalidBucketName) => {
            "A bucket name has 3 to 63 lower-case letters, digits, dots and hyphens"
        }
        Some(S3ErrorCode::KeyTooLongError) => "A key has at most 1,024 bytes",
        Some(S3ErrorCode::MethodNotAllowed) => "The method is not allowed on this resource",
        Some(S3ErrorCode::NoSuchVersion) => "The version does not exist; this server keeps one of each object",
        Some(S3ErrorCode::MalformedXML) => "The XML is not well-formed, or not what the operation takes",
        Some(S3ErrorCode::NoSuchCORSConfiguration) => "The bucket has no CORS rules",
        Some(S3ErrorCode::NoSuchLifecycleConfiguration) => "The bucket has no lifecycle rules",
        Some(S3ErrorCode::NotImplemented) => "This server does not implement the operation",
        Some(S3ErrorCode::MaxMessageLengthExceeded) => "The XML is too long",
        _ => "The request is refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(response: &Response<Body>) -> String {
        String::from_utf8(response.body().bytes().unwrap().to_vec()).unwrap()
    }

    #[test]
    fn errors_have_a_sentence_and_an_id() {
        let asked = Asked::of(&Request::new(()));
        for error in [s3s::s3_error!(InvalidAccessKeyId), s3s::s3_error!(InvalidAccessKeyId, "mine <b>")] {
            let message = error.message().map(|_| "mine &lt;b&gt;").unwrap_or(sentence("InvalidAccessKeyId"));
            let response = asked.complete(super::super::guard::refusal(error));
            let id = response.headers()["x-amz-request-id"].to_str().unwrap().to_owned();
            let expected = format!(
                "<Code>InvalidAccessKeyId</Code><Message>{message}</Message><RequestId>{id}</RequestId></Error>"
            );
            assert!(body(&response).ends_with(&expected), "{}", body(&response));
            assert_eq!(id.len(), 16);
        }
    }

    #[test]
    fn who_waits_for_a_100_that_never_comes_is_told_that_the_connection_ends() {
        let request = |length: Option<&str>, status: u16| {
            let mut request = Request::put("/b/k").header("expect", "100-Continue");
            if let Some(length) = length {
                request = request.header("content-length", length);
            }
            let response = Response::builder().status(status).body(Body::empty()).unwrap();
            let response = Asked::of(&request.body(()).unwrap()).complete(response);
            response.headers().contains_key("connection")
        };
        assert!(request(Some("0"), 200) && request(None, 200) && request(Some("5"), 412));
        assert!(!request(Some("5"), 200));
    }
}

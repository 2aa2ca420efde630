//! What is refused or mended before s3s sees a request: the places where s3s 0.14 differs from S3.

use http::{HeaderMap, HeaderValue, Method, Request, header};
use s3s::dto::{Range, Timestamp, TimestampFormat};
use s3s::{S3Error, S3Result, s3_error};

/// S3's limit for a presigned URL's life, in seconds: seven days.
const MAX_EXPIRES: u64 = 604_800;

/// A parameter of a query, decoded.
fn query_value(query: Option<&str>, name: &str) -> Option<String> {
    query?.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = || percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned();
        (key == name).then(decoded)
    })
}

/// Refuses what s3s would take and S3 does not.
pub(super) fn check<B>(request: &Request<B>) -> S3Result<()> {
    let query = request.uri().query();
    let authorization = request.headers().get(header::AUTHORIZATION);
    let presigned = query_value(query, "X-Amz-Signature").is_some();
    if presigned && authorization.is_some() {
        // s3s would ignore the header.
        return Err(s3_error!(InvalidArgument, "Only one auth mechanism allowed"));
    }
    if query_value(query, "Signature").is_some()
        || authorization.is_some_and(|value| value.as_bytes().starts_with(b"AWS "))
    {
        // s3s still verifies signature version 2 (HMAC-SHA1, and not compared in constant time).
        return Err(s3_error!(InvalidRequest, "Please use AWS4-HMAC-SHA256"));
    }
    if presigned {
        check_expires(query)?;
        check_signed(query, request.headers())?;
    }
    if request.method() == Method::POST && is_form(request.headers()) {
        // s3s collects the whole file of a form in memory before it asks whether anyone signed it.
        return Err(s3_error!(NotImplemented, "POST Object is not implemented"));
    }
    Ok(())
}

fn check_expires(query: Option<&str>) -> S3Result<()> {
    let expires = query_value(query, "X-Amz-Expires").and_then(|seconds| seconds.parse::<u64>().ok());
    match expires {
        Some(1..=MAX_EXPIRES) => Ok(()),
        _ => Err(s3_error!(AuthorizationQueryParametersError, "X-Amz-Expires must be from 1 to {MAX_EXPIRES}")),
    }
}

/// Whoever holds a URL may do what was signed, and nothing that another header would make of it, such as a copy.
fn check_signed(query: Option<&str>, headers: &HeaderMap) -> S3Result<()> {
    let signed = query_value(query, "X-Amz-SignedHeaders").unwrap_or_default();
    // This one says what the payload is, not what is done with it; S3 takes it unsigned, too.
    let is_signed = |name: &str| name == "x-amz-content-sha256" || signed.split(';').any(|it| it == name);
    if headers.keys().any(|name| name.as_str().starts_with("x-amz-") && !is_signed(name.as_str())) {
        return Err(s3_error!(AccessDenied, "There were headers present in the request which were not signed"));
    }
    Ok(())
}

fn is_form(headers: &HeaderMap) -> bool {
    let form = b"multipart/form-data";
    let content_type = headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes());
    content_type.is_some_and(|it| it.len() >= form.len() && it[..form.len()].eq_ignore_ascii_case(form))
}

/// Mends what s3s would trip over.
pub(super) fn mend<B>(request: &mut Request<B>) {
    join_encodings(request.headers_mut());
    drop_malformed(request);
}

/// SDKs send `aws-chunked` on a line of its own beside the caller's encoding; s3s refuses headers on several lines.
/// A signature covers the values joined by a comma either way.
fn join_encodings(headers: &mut HeaderMap) {
    let values: Vec<_> = headers.get_all(header::CONTENT_ENCODING).iter().map(HeaderValue::as_bytes).collect();
    if values.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&values.join(&b","[..]))
    {
        headers.insert(header::CONTENT_ENCODING, joined);
    }
}

/// Takes headers away that RFC 9110 and S3 ignore where they are malformed and s3s answers with 400: several ranges,
/// dates of other forms. A header that the signature covers must stay.
fn drop_malformed<B>(request: &mut Request<B>) {
    let signed = signed_headers(request);
    let is_signed = |name: &str| signed.split(';').any(|signed| signed == name);
    let headers = request.headers_mut();
    for name in ["range", "if-modified-since", "if-unmodified-since"] {
        let malformed = headers.get(name).is_some_and(|value| !value.to_str().is_ok_and(|text| is_valid(name, text)));
        if malformed && !is_signed(name) {
            headers.remove(name);
        }
    }
}

fn is_valid(name: &str, value: &str) -> bool {
    match name {
        "range" => Range::parse(value).is_ok(),
        _ => Timestamp::parse(TimestampFormat::HttpDate, value).is_ok(),
    }
}

fn signed_headers<B>(request: &Request<B>) -> String {
    let in_header = || {
        let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
        let (_, rest) = value.split_once("SignedHeaders=")?;
        rest.split([',', ' ']).next().map(str::to_owned)
    };
    query_value(request.uri().query(), "X-Amz-SignedHeaders").or_else(in_header).unwrap_or_default()
}

/// The answer to a request that is refused here.
pub(super) fn refusal(error: S3Error) -> s3s::HttpResponse {
    error.to_http_response().unwrap_or_else(|_| {
        let mut response = s3s::HttpResponse::default();
        *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(request: http::request::Builder) -> u16 {
        let request = request.body(()).unwrap();
        check(&request).err().and_then(|error| error.status_code()).map_or(200, |status| status.as_u16())
    }

    #[test]
    fn requests_that_s3_refuses_are_refused() {
        let get = |uri: &str| Request::get(uri.to_owned());
        let form = "Multipart/Form-Data; boundary=x";
        let presigned = "/b/k?X-Amz-Signature=x&X-Amz-Expires=60";
        let cases = [
            ("plain", get("/b/k"), 200),
            ("presigned", get(presigned), 200),
            ("presigned and signed", get(presigned).header("authorization", "AWS4-HMAC-SHA256 x"), 400),
            ("lives a week", get("/b/k?X-Amz-Signature=x&X-Amz-Expires=604800"), 200),
            ("lives longer", get("/b/k?X-Amz-Signature=x&X-Amz-Expires=604801"), 400),
            ("lives not at all", get("/b/k?X-Amz-Signature=x&X-Amz-Expires=0"), 400),
            ("version 2 in the query", get("/b/k?Signature=x"), 400),
            ("version 2 in the header", get("/b/k").header("authorization", "AWS a:b"), 400),
            ("a form", Request::post("/b").header("content-type", form), 501),
        ];
        for (case, request, expected) in cases {
            assert_eq!(status(request), expected, "{case}");
        }
    }

    #[test]
    fn encodings_on_several_lines_become_one() {
        let request = Request::put("/b/k").header("content-encoding", "gzip");
        let mut request = request.header("content-encoding", "aws-chunked").body(()).unwrap();
        mend(&mut request);
        let lines: Vec<_> = request.headers().get_all("content-encoding").iter().collect();
        assert_eq!(lines, ["gzip,aws-chunked"]);
    }

    #[test]
    fn malformed_headers_are_dropped_unless_signed() {
        let range = |uri: &str, value: &str| {
            let mut request = Request::get(uri).header("range", value).body(()).unwrap();
            mend(&mut request);
            request.headers().contains_key("range")
        };
        assert!(range("/b/k", "bytes=0-1"));
        assert!(!range("/b/k", "bytes=0-1,3-4"));
        assert!(!range("/b/k", "bytes=5-2"));
        assert!(range("/b/k?X-Amz-SignedHeaders=host%3Brange", "bytes=5-2"));
    }
}

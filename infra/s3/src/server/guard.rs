//! What is refused or mended before s3s sees a request: the places where s3s 0.14 differs from S3.

use http::{HeaderMap, Method, Request, header};
use s3s::{S3Error, S3Result, s3_error};

use super::lines;
use super::signature::{Signature, is_parameter};
use crate::query::Query;

/// SDKs write some headers into the query of a presigned URL. These are all that mean something there here: the last
/// is read where an object is, the others say only who asks.
const HOISTED: [&str; 3] = ["x-amz-user-agent", "X-Amz-User-Agent", "x-amz-checksum-mode"];

/// Mends what s3s would trip over and refuses what it would take and S3 does not.
///
/// A signature covers the method, the path, the query and the headers it names. What a client adds unsigned:
/// - No `x-amz-*`, which could make a copy of a PUT. But `x-amz-content-sha256` says what the payload is, not what is
///   done with it.
/// - The stored headers (`Content-Type` and so on, `Cache-Control`, `Expires`), `Content-MD5`, the conditions (`If-*`)
///   and `Range`, as with S3: whoever wants another one signed signs it. A condition or a digest can only make a write
///   fail; the first three are its sender's to say about what it sends.
/// - Whatever means nothing to S3.
pub(super) fn admit<B>(request: &mut Request<B>) -> S3Result<()> {
    lines::join(request.headers_mut());
    let query = Query::parse(request.uri().query())?;
    lines::check(request.headers(), &Signature::Absent)?;
    let signature = Signature::read(&query, request.headers())?;
    lines::check(request.headers(), &signature)?;
    check_hoisted(&query)?;
    check_signed(request.headers(), &signature)?;
    if request.method() == Method::POST && is_form(request.headers()) {
        // s3s collects the whole file of a form in memory before it asks whether anyone signed it.
        return Err(s3_error!(NotImplemented, "POST Object is not implemented"));
    }
    if request.method() == Method::HEAD && !signature.covers("range") {
        // RFC 9110, section 14.2: a range is for GET only.
        request.headers_mut().remove(header::RANGE);
    }
    lines::drop_malformed(request.headers_mut(), &signature);
    Ok(())
}

/// S3 reads `x-amz-*` in the query of a presigned URL as headers; s3s does not see them.
fn check_hoisted(query: &Query) -> S3Result<()> {
    let is_amz = |name: &&str| name.get(..6).is_some_and(|beginning| beginning.eq_ignore_ascii_case("x-amz-"));
    match query.names().filter(is_amz).find(|name| !is_parameter(name) && !HOISTED.contains(name)) {
        Some(name) => Err(s3_error!(NotImplemented, "{name} is not implemented in the query; send it as a header")),
        None => Ok(()),
    }
}

fn check_signed(headers: &HeaderMap, signature: &Signature) -> S3Result<()> {
    let is_free = |name: &str| !name.starts_with("x-amz-") || name == "x-amz-content-sha256";
    match headers.keys().find(|name| !is_free(name.as_str()) && !signature.covers(name.as_str())) {
        // Without any signature s3s refuses everything, with better words.
        Some(name) if *signature != Signature::Absent => {
            Err(s3_error!(AccessDenied, "There were headers present in the request which were not signed: {name}"))
        }
        _ => Ok(()),
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let form = b"multipart/form-data";
    let content_type = headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes());
    content_type.is_some_and(|it| it.len() >= form.len() && it[..form.len()].eq_ignore_ascii_case(form))
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
        let mut request = request.body(()).unwrap();
        admit(&mut request).err().and_then(|error| error.status_code()).map_or(200, |status| status.as_u16())
    }

    #[test]
    fn requests_that_s3_refuses_are_refused() {
        let get = |uri: &str| Request::get(uri.to_owned());
        let form = "Multipart/Form-Data; boundary=x";
        let presigned = "/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=x&X-Amz-Signature=x&X-Amz-Expires=60&\
            X-Amz-Credential=A%2Fd%2Fr%2Fs3%2Faws4_request&X-Amz-SignedHeaders=host%3Bx-amz-meta-a";
        let header = "AWS4-HMAC-SHA256 Credential=A/d/r/s3/aws4_request,SignedHeaders=host,Signature=x";
        let also = |more: &str| format!("{presigned}&{more}");
        let escaped = presigned.replace("Signature", "%53ignature");
        let copy = "x-amz-copy-source";
        let cases = [
            ("plain", get("/b/k"), 200),
            ("presigned", get(presigned), 200),
            ("presigned and signed", get(presigned).header("authorization", header), 400),
            ("a signed header", get(presigned).header("x-amz-meta-a", "b"), 200),
            ("a header that is not signed", get(presigned).header(copy, "/b/k"), 403),
            ("the hash of the payload", get(presigned).header("x-amz-content-sha256", "UNSIGNED-PAYLOAD"), 200),
            ("a name with an escape", get(&escaped).header(copy, "/b/k"), 400),
            ("signed in a header", get("/b/k").header("authorization", header).header("x-amz-date", "x"), 200),
            ("a copy under a signed header", get("/b/k").header("authorization", header).header(copy, "x"), 403),
            ("a header in the query", get(&also("x-amz-copy-source=%2Fb%2Fk")), 501),
            ("one in other letters", get(&also("X-AMZ-Acl=public-read")), 501),
            ("a mode in the query", get(&also("x-amz-checksum-mode=ENABLED")), 200),
            ("a parameter twice", get(&also("X-Amz-Expires=60")), 400),
            ("a form", Request::post("/b").header("content-type", form), 501),
        ];
        for (case, request, expected) in cases {
            assert_eq!(status(request), expected, "{case}");
        }
    }

    #[test]
    fn a_head_has_no_range() {
        let mut request = Request::head("/b/k").header("range", "bytes=0-1").body(()).unwrap();
        admit(&mut request).unwrap();
        assert!(!request.headers().contains_key("range"));
    }
}

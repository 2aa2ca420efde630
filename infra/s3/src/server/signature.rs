//! How a request is signed, and which of its headers the signature covers. Verifying it is s3s's.

use http::{HeaderMap, header};
use s3s::{S3Result, s3_error};

use crate::query::Query;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// How the scope of a credential for S3 ends. s3s verifies those for STS, too, by other rules.
const SCOPE: &str = "/s3/aws4_request";
/// S3's limit for a presigned URL's life, in seconds: seven days.
const MAX_EXPIRES: u64 = 604_800;
/// What a presigned URL needs.
const PARAMETERS: [&str; 6] =
    ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Signature", "X-Amz-SignedHeaders"];
/// What it may have besides. The payload of a presigned request is never signed, whatever the last one says.
const MORE_PARAMETERS: [&str; 2] = ["X-Amz-Security-Token", "X-Amz-Content-Sha256"];

/// A request's signature, with the names of the headers it covers, in lower case.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Signature {
    /// s3s refuses the request.
    Absent,
    /// In `Authorization`.
    Header(Vec<String>),
    /// In the query: whoever holds the URL may send other headers with it than its signer thought of.
    Presigned(Vec<String>),
}

/// Whether a parameter belongs to the signature.
pub(super) fn is_parameter(name: &str) -> bool {
    PARAMETERS.contains(&name) || MORE_PARAMETERS.contains(&name)
}

impl Signature {
    /// Takes headers of one ASCII line each. Refuses two signatures, and all but version 4.
    pub(super) fn read(query: &Query, headers: &HeaderMap) -> S3Result<Self> {
        let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let in_query = query.names().any(is_parameter);
        if query.get("Signature").is_some() || authorization.is_some_and(|value| value.starts_with("AWS ")) {
            // s3s still verifies signature version 2 (HMAC-SHA1, and not compared in constant time).
            return Err(s3_error!(InvalidRequest, "Please use {ALGORITHM}"));
        }
        match authorization {
            // s3s would ignore one of the two.
            Some(_) if in_query => Err(s3_error!(InvalidArgument, "Only one auth mechanism allowed")),
            Some(authorization) => Ok(Self::Header(in_header(authorization)?)),
            None if in_query => Ok(Self::Presigned(presigned(query)?)),
            None => Ok(Self::Absent),
        }
    }

    /// Whether the value of a header is signed. `Authorization` names two that are, beside its list: the hash of the
    /// payload and the date are in what is signed.
    pub(super) fn covers(&self, name: &str) -> bool {
        match self {
            Self::Absent => false,
            Self::Header(names) => {
                name == "x-amz-content-sha256" || name == "x-amz-date" || names.iter().any(|it| it == name)
            }
            Self::Presigned(names) => names.iter().any(|it| it == name),
        }
    }
}

/// `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`, in this order, as s3s wants it.
fn in_header(authorization: &str) -> S3Result<Vec<String>> {
    let Some(fields) = authorization.strip_prefix(ALGORITHM).filter(|rest| rest.starts_with([' ', '\t'])) else {
        return Err(s3_error!(InvalidArgument, "Unsupported Authorization Type: use {ALGORITHM}"));
    };
    let malformed = || {
        s3_error!(AuthorizationHeaderMalformed, "Authorization needs Credential for s3, SignedHeaders and Signature")
    };
    let fields: Vec<_> = fields.split(',').map(str::trim).collect();
    let &[credential, signed, signature] = fields.as_slice() else { return Err(malformed()) };
    if !credential.starts_with("Credential=") || !credential.ends_with(SCOPE) || !signature.starts_with("Signature=") {
        return Err(malformed());
    }
    signed.strip_prefix("SignedHeaders=").map(names).ok_or_else(malformed)
}

fn presigned(query: &Query) -> S3Result<Vec<String>> {
    if PARAMETERS.into_iter().any(|name| query.get(name).is_none()) {
        let all = PARAMETERS.join(", ");
        return Err(s3_error!(AuthorizationQueryParametersError, "A presigned URL needs all of {all}"));
    }
    let value = |name: &str| query.get(name).unwrap_or_default();
    if !value("X-Amz-Credential").ends_with(SCOPE) {
        return Err(s3_error!(AuthorizationQueryParametersError, "X-Amz-Credential must end with {SCOPE}"));
    }
    match value("X-Amz-Expires").parse::<u64>() {
        Ok(1..=MAX_EXPIRES) => Ok(names(value("X-Amz-SignedHeaders"))),
        _ => Err(s3_error!(AuthorizationQueryParametersError, "X-Amz-Expires must be from 1 to {MAX_EXPIRES}")),
    }
}

fn names(list: &str) -> Vec<String> {
    list.split(';').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRESIGNED: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20260101%2Fx%2Fs3%2Faws4_request&\
        X-Amz-Date=20260101T000000Z&X-Amz-Signature=x&X-Amz-SignedHeaders=host%3Bx-amz-acl";
    const HEADER: &str =
        "AWS4-HMAC-SHA256 Credential=AK/20260101/x/s3/aws4_request, SignedHeaders=host;range, Signature=x";

    fn read(query: &str, authorization: Option<&str>) -> Result<Signature, u16> {
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            headers.insert("authorization", value.parse().unwrap());
        }
        let signature = Signature::read(&Query::parse(Some(query)).unwrap(), &headers);
        signature.map_err(|error| error.status_code().unwrap().as_u16())
    }

    #[test]
    fn one_signature_of_version_4_is_read() {
        let owned = |names: [&str; 2]| names.map(str::to_owned).to_vec();
        let presigned = Signature::Presigned(owned(["host", "x-amz-acl"]));
        assert_eq!(read("acl", None), Ok(Signature::Absent));
        assert_eq!(read("acl", Some(HEADER)), Ok(Signature::Header(owned(["host", "range"]))));
        for (seconds, expected) in [("1", true), ("604800", true), ("604801", false), ("0", false), ("-1", false)] {
            let read = read(&format!("{PRESIGNED}&X-Amz-Expires={seconds}"), None);
            assert_eq!(read, if expected { Ok(Signature::Presigned(owned(["host", "x-amz-acl"]))) } else { Err(400) });
        }
        assert!(presigned.covers("host") && presigned.covers("x-amz-acl"));
        assert!(!presigned.covers("x-amz-date") && !presigned.covers("x-amz"));
        assert!(Signature::Header(Vec::new()).covers("x-amz-date"));
    }

    #[test]
    fn any_other_signature_is_refused() {
        let presigned = format!("{PRESIGNED}&X-Amz-Expires=60");
        let cases = [
            ("both", presigned.as_str(), Some(HEADER)),
            ("presigned and another scheme", &presigned, Some("Bearer x")),
            ("half a URL and a header", "X-Amz-Expires=60", Some(HEADER)),
            ("no expiry", PRESIGNED, None),
            ("no signature", &presigned.replace("X-Amz-Signature", "x-amz-signature"), None),
            ("another service", &presigned.replace("%2Fs3%2F", "%2Fsts%2F"), None),
            ("version 2 in the query", "AWSAccessKeyId=x&Signature=x", None),
            ("version 2 in the header", "", Some("AWS a:b")),
            ("another scheme", "", Some("Bearer x")),
            ("another algorithm", "", Some(&HEADER.replace("SHA256 ", "SHA256X "))),
            ("another service in the header", "", Some(&HEADER.replace("/s3/", "/sts/"))),
            ("two lists of headers", "", Some(&HEADER.replace("Signature=", "SignedHeaders=x, Signature="))),
            ("another order", "", Some(&HEADER.replace("SignedHeaders", "Signature"))),
        ];
        for (case, query, authorization) in cases {
            assert_eq!(read(query, authorization), Err(400), "{case}");
        }
    }
}

//! Signature Version 4 (AWS: "Create a signed AWS API request"): what presigned URLs and signed requests have in common, and
//! the latter.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[cfg(feature = "https")]
use aws_credential_types::Credentials;
#[cfg(feature = "https")]
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use aws_smithy_types::date_time::{DateTime, DateTimeFormatError, Format};
use satchel_core::time::Timestamp;
use sha2::{Digest, Sha256};

pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// `20130524T000000Z`.
pub(crate) fn date_time(at: Timestamp) -> Result<String, DateTimeFormatError> {
    let written = DateTime::from(system_time(at)).fmt(Format::DateTime)?;
    Ok(written.chars().filter(|character| !matches!(character, '-' | ':')).collect())
}

/// The date of such a time: `20130524`.
pub(crate) fn date(date_time: &str) -> &str {
    &date_time[..8]
}

/// What a signature is good for.
pub(crate) fn scope(date: &str, region: &str, service: &str) -> String {
    format!("{date}/{region}/{service}/aws4_request")
}

/// What the day's key is applied to.
pub(crate) fn message(at: &str, scope: &str, canonical: &str) -> String {
    let digest = hex::encode(Sha256::digest(canonical));
    format!("{ALGORITHM}\n{at}\n{scope}\n{digest}")
}

pub(crate) fn system_time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(at.as_seconds())
}

/// A POST to the root of a service, as it is signed.
#[cfg(feature = "https")]
pub(crate) struct Post<'a> {
    pub(crate) service: &'a str,
    pub(crate) region: &'a str,
    /// In lower case, the host among them.
    pub(crate) headers: Vec<(&'a str, &'a str)>,
    pub(crate) body: &'a [u8],
}

#[cfg(feature = "https")]
impl Post<'_> {
    /// The headers that it goes with: its own, and the signature.
    pub(crate) fn signed(
        &self,
        credentials: &Credentials,
        at: Timestamp,
    ) -> Result<Vec<(String, String)>, DateTimeFormatError> {
        let written = date_time(at)?;
        let token = credentials.session_token().map(|token| ("x-amz-security-token", token));
        let mut headers: Vec<(&str, &str)> = self.headers.clone();
        headers.extend(token.into_iter().chain([("x-amz-date", &*written)]));
        headers.sort_unstable();
        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let digest = hex::encode(Sha256::digest(self.body));
        let canonical = format!("POST\n/\n\n{lines}\n{names}\n{digest}");
        let scope = scope(date(&written), self.region, self.service);
        let key = generate_signing_key(credentials.secret_access_key(), system_time(at), self.region, self.service);
        let signature = calculate_signature(key, message(&written, &scope, &canonical).as_bytes());
        let credential = format!("{}/{scope}", credentials.access_key_id());
        let authorization =
            format!("{ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}");
        let own = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Ok(own.chain([("authorization".to_owned(), authorization)]).collect())
    }
}

#[cfg(all(test, feature = "https"))]
mod tests {
    use aws_sigv4::{
        http_request::{SignableBody, SignableRequest, SigningSettings, sign},
        sign::v4::SigningParams,
    };

    use super::*;

    #[test]
    fn requests_are_signed_as_the_sdk_signs_them() {
        for token in [None, Some("t/+=".to_owned())] {
            let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG", token, None, "test");
            let at = Timestamp::from_seconds(1_369_353_600);
            let own = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", "AmazonSSM.GetParameter")];
            let headers = own.into_iter().chain([("host", "ssm.eu-central-1.amazonaws.com")]).collect();
            let body = br#"{"Name":"/satchel/secret"}"#;
            let post = Post { service: "ssm", region: "eu-central-1", headers, body };
            let signed = post.signed(&credentials, at).unwrap();

            let identity = credentials.into();
            let params = SigningParams::builder().identity(&identity).region("eu-central-1").name("ssm");
            let params = params.time(system_time(at)).settings(SigningSettings::default()).build().unwrap().into();
            let url = "https://ssm.eu-central-1.amazonaws.com/";
            let request = SignableRequest::new("POST", url, own.into_iter(), SignableBody::Bytes(body)).unwrap();
            let theirs = sign(request, &params).unwrap().into_parts().0;
            let theirs: Vec<_> = theirs.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            assert!(theirs.len() >= 2);
            for header in theirs {
                assert!(signed.contains(&header), "{header:?} in {signed:?}");
            }
        }
    }
}

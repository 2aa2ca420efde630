//! Presigned URLs, against AWS's published example and for every way to address a bucket.

use std::time::Duration;

use aws_sigv4::{
    http_request::{
        PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4::SigningParams,
};
use proptest::prelude::*;
use satchel_core::object_key::Key;
use satchel_core::{slot::Retention, upload_path::UploadPath};

use url::{Position, Url};

use super::*;

fn config(bucket: &str, endpoint: Option<&str>, path_style: bool) -> S3Config {
    let endpoint = endpoint.map(|url| url.parse().unwrap());
    S3Config {
        bucket: bucket.into(),
        region: "us-east-1".into(),
        endpoint,
        public_endpoint: None,
        path_style,
        retention: Retention::default(),
    }
}

fn presigner(config: &S3Config) -> Presigner {
    let credentials =
        Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", None, None, "test");
    Presigner::new(config, credentials)
}

fn key(path: &str) -> Key {
    Key::of_upload(&UploadPath::parse_decoded(path).unwrap())
}

fn url(config: &S3Config, path: &str, content_length: Option<u64>) -> String {
    let (key, at) = (key(path), Timestamp::from_seconds(1_369_353_600));
    let terms = UrlTerms {
        method: Method::GET,
        key: key.as_str(),
        response: &[],
        content_length,
        checksum: None,
        at,
        expires_in: 86_400,
    };
    presigner(config).presign(&terms).unwrap().as_str().to_owned()
}

#[test]
fn a_bucket_is_addressed_as_its_configuration_says() {
    for (config, start) in [
        (config("b", None, false), "https://b.s3.us-east-1.amazonaws.com/uploads/a?"),
        (config("b.c", None, false), "https://s3.us-east-1.amazonaws.com/b.c/uploads/a?"),
        (config("b", Some("http://127.0.0.1:9000"), true), "http://127.0.0.1:9000/b/uploads/a?"),
        (config("b", Some("https://s3.example.org"), false), "https://b.s3.example.org/uploads/a?"),
        (
            S3Config {
                public_endpoint: Some("https://files.example.org".parse().unwrap()),
                ..config("b", Some("http://127.0.0.1:9000"), true)
            },
            "https://files.example.org/b/uploads/a?",
        ),
    ] {
        assert!(url(&config, "a", None).starts_with(start), "{}", url(&config, "a", None));
    }
}

#[test]
fn the_length_of_a_put_is_signed_and_nothing_else_but_the_host() {
    let config = config("b", None, false);
    assert!(url(&config, "a", Some(5)).contains("X-Amz-SignedHeaders=content-length%3Bhost&"));
    assert!(url(&config, "a", None).contains("X-Amz-SignedHeaders=host&"));
}

#[test]
fn one_window_gives_one_url() {
    let config = config("b", None, false);
    assert_eq!(url(&config, "a", None), url(&config, "a", None));
    assert_ne!(url(&config, "a", None), url(&config, "b", None));
}

/// AWS, "Authenticating Requests: Using Query Parameters": bucket examplebucket, key test.txt, legacy
/// global endpoint, 24 May 2013, 86,400 s.
#[test]
fn the_signature_is_the_one_of_awss_example() {
    let presigner = presigner(&config("examplebucket", Some("https://s3.amazonaws.com"), false));
    let (at, headers) = (Timestamp::from_seconds(1_369_353_600), vec![("host", presigner.host.clone())]);
    let example = Unsigned { method: "GET", path: "test.txt", parameters: Vec::new(), headers, at, expires_in: 86_400 };
    let url = presigner.sign(&example).unwrap();
    let signature = "X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    assert!(url.as_str().starts_with("https://examplebucket.s3.amazonaws.com/test.txt?"));
    assert!(url.as_str().ends_with(signature));
}

/// What the SDK's own signer makes of the same request: address and parameters, sorted.
fn by_the_sdk(presigner: &Presigner, unsigned: &Unsigned<'_>) -> (String, Vec<(String, String)>) {
    let mut url = Url::parse(&format!("{}{}", presigner.base, unsigned.path)).unwrap();
    let escaped = |(name, value): &(&str, &str)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
    let parameters: Vec<String> = unsigned.parameters.iter().map(escaped).collect();
    url.set_query(Some(parameters.join("&")).filter(|query| !query.is_empty()).as_deref());
    let signed = unsigned.headers.iter().filter(|(name, _)| *name != "host");
    let signed = signed.map(|(name, value)| (*name, value.as_str()));
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_secs(unsigned.expires_in));
    let identity = presigner.credentials.clone().into();
    let params = SigningParams::builder().identity(&identity).region(&presigner.region).name("s3");
    let params = params.time(sigv4::system_time(unsigned.at)).settings(settings).build().unwrap().into();
    let request = SignableRequest::new(unsigned.method, url.as_str(), signed, SignableBody::UnsignedPayload).unwrap();
    let instructions = sign(request, &params).unwrap().into_parts().0;
    for (name, value) in instructions.params() {
        url.query_pairs_mut().append_pair(name, value);
    }
    sorted(&url)
}

fn sorted(url: &Url) -> (String, Vec<(String, String)>) {
    let mut parameters: Vec<_> = url.query_pairs().into_owned().collect();
    parameters.sort();
    (url[..Position::AfterPath].to_owned(), parameters)
}

proptest! {
    #[test]
    fn urls_are_those_of_the_sdks_signer(
        path in "([a-zA-Z0-9 /.~_+%&=?#;'()é\u{1f600}-]{1,30})?",
        value in any::<String>(),
        token in proptest::option::of("[A-Za-z0-9+/=]{1,40}"),
        length in proptest::option::of(any::<u64>()),
        checksum in proptest::option::of("[A-Za-z0-9+/=]{1,40}"),
        at in 0..253_402_300_800_u64,
        expires_in in 1..604_800_u64,
        address in 0..4_usize,
    ) {
        let config = [
            config("b", None, false),
            config("b.c", None, false),
            config("b", Some("http://127.0.0.1:9000"), true),
            config("b", Some("https://s3.example.org/below"), true),
        ][address].clone();
        let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret", token, None, "test");
        let presigner = Presigner::new(&config, credentials);
        let length = length.map(|bytes| ("content-length", bytes.to_string()));
        let checksum = checksum.map(|digest| (CHECKSUM, digest));
        let unsigned = Unsigned {
            method: "PUT",
            path: &encode_path(path.trim_start_matches('/')),
            parameters: vec![("response-content-type", "a/b"), ("prefix", &value), ("continuation-token", "")],
            headers: length.into_iter().chain([("host", presigner.host.clone())]).chain(checksum).collect(),
            at: Timestamp::from_seconds(at),
            expires_in,
        };
        // `Url` would take them out of the address that the SDK gets.
        prop_assume!(!path.split('/').any(|segment| matches!(segment, "." | "..")));
        for _ in 0..2 {
            // The second time with the key that the first has left.
            let own = Url::parse(presigner.sign(&unsigned).unwrap().as_str()).unwrap();
            prop_assert_eq!(sorted(&own), by_the_sdk(&presigner, &unsigned));
        }
    }
}

#[test]
fn each_day_has_its_key() {
    let config = config("b", None, false);
    let presigner = presigner(&config);
    let key = key("a");
    let signed = |presigner: &Presigner, at| {
        let (at, response) = (Timestamp::from_seconds(at), [].as_slice());
        let terms = UrlTerms {
            method: Method::GET,
            key: key.as_str(),
            response,
            content_length: None,
            checksum: None,
            at,
            expires_in: 9,
        };
        presigner.presign(&terms).map(|url| url.as_str().to_owned()).ok()
    };
    // The last second of a day, the first of the next, and back again.
    for at in [1_369_439_999, 1_369_440_000, 1_369_439_999] {
        assert_eq!(signed(&presigner, at), signed(&self::presigner(&config), at), "{at}");
    }
    assert_eq!(signed(&presigner, 253_402_300_800), None, "the year 10000");
    assert!(!format!("{presigner:?}").contains("wJalr"));
}

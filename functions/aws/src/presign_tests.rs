//! Presigned URLs, against AWS's published example and for every way to address a bucket.

use satchel_core::{slot::Retention, upload_path::UploadPath};

use super::*;

fn config(bucket: &str, endpoint: Option<&str>, path_style: bool) -> S3Config {
    let endpoint = endpoint.map(|url| Url::parse(url).unwrap());
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
        key: &key,
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
                public_endpoint: Some(Url::parse("https://files.example.org").unwrap()),
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
    let identity = presigner.credentials.clone().into();
    let url = format!("{}test.txt", presigner.base);
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("s3")
        .time(system_time(Timestamp::from_seconds(1_369_353_600)))
        .settings(settings(86_400))
        .build()
        .unwrap()
        .into();
    let request = SignableRequest::new("GET", &url, [].into_iter(), SignableBody::UnsignedPayload).unwrap();
    let signature = sign(request, &params).unwrap().into_parts().1;
    assert_eq!(signature, "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

//! Presigned URLs, for every way to address a bucket.

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use satchel_core::{object_key::Key, retention::Retention, upload_path::UploadPath};

use super::*;
use crate::sdk::of_known;

fn config(bucket: &str, path_style: bool) -> S3Config {
    S3Config { bucket: bucket.into(), public_endpoint: None, path_style, retention: Retention::default() }
}

fn sdk(region: &str, endpoint: Option<&str>) -> SdkConfig {
    let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG", None, None, "test");
    of_known(region, credentials, endpoint)
}

fn sdk_of_aws() -> SdkConfig {
    sdk("us-east-1", None)
}

const AT: Validity = Validity { from: Timestamp::from_seconds(1_369_353_600), seconds: 86_400 };

async fn url(config: &S3Config, sdk: &SdkConfig, path: &str) -> String {
    let key = Key::of_upload(&UploadPath::parse_decoded(path).unwrap());
    let presigner = Presigner::new(config, sdk);
    presigner.get(&Method::GET, key.as_str(), Headers::default(), AT).await.unwrap().as_str().to_owned()
}

#[tokio::test]
async fn a_bucket_is_addressed_as_its_configuration_says() {
    let elsewhere =
        S3Config { public_endpoint: Some("https://files.example.org".parse().unwrap()), ..config("files", true) };
    let at = |endpoint| sdk("us-east-1", Some(endpoint));
    let dual_stack = sdk_of_aws().into_builder().use_dual_stack(true).build();
    let fips = sdk_of_aws().into_builder().use_fips(true).build();
    for (config, sdk, start) in [
        (config("files", false), sdk_of_aws(), "https://files.s3.us-east-1.amazonaws.com/uploads/a?"),
        (config("fi.les", false), sdk_of_aws(), "https://s3.us-east-1.amazonaws.com/fi.les/uploads/a?"),
        (config("files", false), sdk("cn-north-1", None), "https://files.s3.cn-north-1.amazonaws.com.cn/uploads/a?"),
        (config("files", false), dual_stack, "https://files.s3.dualstack.us-east-1.amazonaws.com/uploads/a?"),
        (config("files", false), fips, "https://files.s3-fips.us-east-1.amazonaws.com/uploads/a?"),
        (config("files", true), at("http://127.0.0.1:9000"), "http://127.0.0.1:9000/files/uploads/a?"),
        (config("files", true), at("http://127.0.0.1:9000/"), "http://127.0.0.1:9000/files/uploads/a?"),
        (config("files", false), at("https://s3.example.org"), "https://files.s3.example.org/uploads/a?"),
        (elsewhere, at("http://127.0.0.1:9000"), "https://files.example.org/files/uploads/a?"),
    ] {
        let url = url(&config, &sdk, "a").await;
        assert!(url.starts_with(start), "{url}");
    }
}

#[tokio::test]
async fn the_length_of_a_put_is_signed_and_its_digest_and_nothing_else_but_the_host() {
    let presigner = Presigner::new(&config("files", false), &sdk_of_aws());
    let url = presigner.put("incoming/a", 5, None, AT).await.unwrap();
    assert!(url.as_str().contains("X-Amz-SignedHeaders=content-length%3Bhost&"), "{}", url.as_str());
    let digest = Sha256Digest::of(b"hello");
    let url = presigner.put("incoming/a", 5, Some(digest), AT).await.unwrap();
    let signed = "X-Amz-SignedHeaders=content-length%3Bhost%3Bx-amz-checksum-sha256&";
    assert!(url.as_str().contains(signed), "{}", url.as_str());
    assert!(!format!("{url:?} {presigner:?}").contains("wJalr"));
}

#[tokio::test]
async fn one_window_gives_one_url() {
    let (config, sdk) = (config("files", false), sdk_of_aws());
    let first = url(&config, &sdk, "a").await;
    assert_eq!(first, url(&config, &sdk, "a").await);
    assert_ne!(first, url(&config, &sdk, "b").await);
    assert!(first.contains("X-Amz-Date=20130524T000000Z") && first.contains("X-Amz-Expires=86400"), "{first}");
}

#[tokio::test]
async fn s3_is_told_how_a_file_is_shown() {
    let presigner = Presigner::new(&config("files", false), &sdk_of_aws());
    let headers = Headers {
        content_type: Some("text/plain; charset=utf-8".into()),
        content_disposition: Some("inline; filename*=UTF-8''a%20b".into()),
        cache_control: Some("private, max-age=60".into()),
    };
    for method in [Method::GET, Method::HEAD] {
        let url = presigner.get(&method, "uploads/a", headers.clone(), AT).await.unwrap();
        let parameters: Vec<_> = url::Url::parse(url.as_str()).unwrap().query_pairs().into_owned().collect();
        for (name, value) in [
            ("response-content-type", "text/plain; charset=utf-8"),
            ("response-content-disposition", "inline; filename*=UTF-8''a%20b"),
            ("response-cache-control", "private, max-age=60"),
        ] {
            assert!(parameters.contains(&(name.into(), value.into())), "{method} {parameters:?}");
        }
    }
}

#[tokio::test]
async fn without_credentials_nothing_is_signed() {
    let sdk = SdkConfig::builder().behavior_version(BehaviorVersion::v2026_01_12()).region(Region::new("us-east-1"));
    let presigner = Presigner::new(&config("files", false), &sdk.build());
    assert!(presigner.put("incoming/a", 5, None, AT).await.is_err());
}

//! Presigned requests, mutated a hundred thousand times, through everything but the socket: none does anything but what
//! was signed. `FUZZ_SEED` repeats a run that failed, `FUZZ_CASES` makes it longer.

mod wire;
mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials as SdkCredentials, Region};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use http::Request;

use wire::{BUCKET, Dice, Wire, mutate};
use world::{Answered, Case, HELLO, World};

const CASES: usize = 100_000;
const DISPOSITION: &str = "attachment; filename=\"a, b.png\"";

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test]
async fn no_mutation_of_a_presigned_request_does_what_was_not_signed() {
    let mut random = [0; 8];
    getrandom::fill(&mut random).unwrap();
    let seed = setting("FUZZ_SEED").unwrap_or_else(|| u64::from_be_bytes(random));
    let many = setting("FUZZ_CASES").map_or(CASES, |many| usize::try_from(many).unwrap());
    let (world, cases) = (World::new().await, cases().await);
    // As they were signed, they are carried out: else nothing would be learnt from the rest.
    for (case, expected) in cases.iter().zip([200, 200, 200, 412, 204, 200, 200]) {
        assert_eq!(world.send(case, &case.wire).await, Some(expected), "{:?}", case.wire);
    }
    let mut answers: BTreeMap<u16, usize> = BTreeMap::new();
    for number in 0..many {
        let mut dice = Dice(seed.rotate_left(32).wrapping_add(number as u64));
        let case = if dice.below(12) == 0 { &cases[5 + dice.below(2)] } else { &cases[dice.below(5)] };
        let mut wire = case.wire.clone();
        for _ in 0..=dice.below(4) {
            mutate(&mut dice, &mut wire);
        }
        let shown = Shown(seed, number, &wire);
        if let Some(status) = world.send(case, &wire).await {
            *answers.entry(status).or_default() += 1;
        }
        std::mem::forget(shown);
    }
    world.check().await;
    assert!(answers[&200] > many / 50 && answers[&403] > many / 10 && answers[&400] > many / 10, "{answers:?}");
    world.store.close().await.unwrap();
}

/// Says which case it was, where it ends in a panic.
struct Shown<'w>(u64, usize, &'w Wire);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        eprintln!("FUZZ_SEED={} case {}: {:?}", self.0, self.1, self.2);
    }
}

fn client() -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .credentials_provider(SdkCredentials::new("AK", "hush", None, None, "test"))
        .region(Region::new("us-east-1"))
        .endpoint_url("http://127.0.0.1:9")
        .force_path_style(true)
        .build();
    Client::from_conf(config)
}

fn soon() -> PresigningConfig {
    PresigningConfig::expires_in(Duration::from_secs(3600)).unwrap()
}

/// The SDK presigns no listing.
fn presigned_list() -> Wire {
    let uri = format!("http://127.0.0.1:9/{BUCKET}?list-type=2&prefix=uploads%2F");
    let identity = SdkCredentials::new("AK", "hush", None, None, "test").into();
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_secs(3600));
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    let params = aws_sigv4::sign::v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("s3")
        .time(std::time::SystemTime::now())
        .settings(settings);
    let host = [("host", "127.0.0.1:9")].into_iter();
    let signable = SignableRequest::new("GET", &uri, host, SignableBody::UnsignedPayload).unwrap();
    let (instructions, _) = sign(signable, &params.build().unwrap().into()).unwrap().into_parts();
    let mut request = Request::get(&uri).body(()).unwrap();
    instructions.apply_to_request_http1x(&mut request);
    Wire {
        method: "GET".to_owned(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap().split('&').map(str::to_owned).collect(),
        headers: vec![("host".to_owned(), b"127.0.0.1:9".to_vec())],
        body: Vec::new(),
    }
}

/// The requests that are mutated. Those that write are few: they wait for the disk.
async fn cases() -> Vec<Case> {
    let client = client();
    let get = client.get_object().bucket(BUCKET).key("uploads/open").response_content_type("image/png");
    let get = get.response_content_disposition(DISPOSITION).presigned(soon()).await.unwrap();
    let head = client.head_object().bucket(BUCKET).key("uploads/open").response_content_type("image/png");
    let head = head.response_content_disposition(DISPOSITION).presigned(soon()).await.unwrap();
    let put = |key| client.put_object().bucket(BUCKET).key(key).content_length(5);
    let new = put("uploads/there").if_none_match("*").presigned(soon()).await.unwrap();
    let slot = put("incoming/slot").content_type("image/png").content_disposition(DISPOSITION).metadata("owner", "a 1");
    let slot = slot.presigned(soon()).await.unwrap();
    let sha256 = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
    let digest = put("incoming/digest").checksum_sha256(sha256).presigned(soon()).await.unwrap();
    let delete = client.delete_object().bucket(BUCKET).key("uploads/gone").presigned(soon()).await.unwrap();
    let open = Some("uploads/open");
    vec![
        Case { wire: Wire::of(&get, ""), operation: "GetObject", key: open, judge: is_open },
        Case { wire: Wire::of(&head, ""), operation: "HeadObject", key: open, judge: is_open },
        Case {
            wire: presigned_list(),
            operation: "ListObjectsV2",
            key: None,
            judge: |_, answered| {
                assert!(!String::from_utf8_lossy(&answered.body).contains("rosters"));
            },
        },
        Case {
            wire: Wire::of(&new, "wrong"),
            operation: "PutObject",
            key: Some("uploads/there"),
            judge: |_, _| {
                panic!("it was there");
            },
        },
        Case { wire: Wire::of(&delete, ""), operation: "DeleteObject", key: Some("uploads/gone"), judge: |_, _| {} },
        Case {
            wire: Wire::of(&slot, "hello"),
            operation: "PutObject",
            key: Some("incoming/slot"),
            judge: |world, _| {
                let (_, headers) = world.stored("incoming/slot");
                assert_eq!(headers.content_type.as_deref(), Some("image/png"));
                assert_eq!(headers.content_disposition.as_deref().map(collapsed).as_deref(), Some(DISPOSITION));
                let metadata = headers.metadata.into_iter().map(|(name, value)| (name, collapsed(&value)));
                assert_eq!(metadata.collect::<Vec<_>>(), [("owner".to_owned(), "a 1".to_owned())]);
            },
        },
        Case {
            wire: Wire::of(&digest, "hello"),
            operation: "PutObject",
            key: Some("incoming/digest"),
            judge: |world, _| {
                assert_eq!(world.stored("incoming/digest").0, HELLO);
            },
        },
    ]
}

fn is_open(_: &World, answered: &Answered) {
    assert!("hello".contains(std::str::from_utf8(&answered.body).unwrap()));
    assert!(answered.partial || answered.body.is_empty() || answered.body == b"hello");
    assert_eq!(answered.headers["content-type"], "image/png");
    assert_eq!(answered.headers["content-disposition"], DISPOSITION);
}

/// A signature does not see how many spaces there are.
fn collapsed(text: &str) -> String {
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

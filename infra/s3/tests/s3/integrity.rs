//! What a request says about its bytes: verified, or the request is refused.

use aws_sdk_s3::config::http::HttpRequest;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, ChecksumAlgorithm, ChecksumMode, ChecksumType, CompletedPart, CorsConfiguration,
    CorsRule, Delete, ExpirationStatus, LifecycleExpiration, LifecycleRule, LifecycleRuleFilter, ObjectIdentifier,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use s3s::crypto::{Checksum, Crc32, Md5};

use crate::multipart::{begin, part, parts};
use crate::support::{BUCKET, Fixture, code, pattern, status};

const MIN: usize = 5 << 20;

/// Sends a request with its headers changed, whatever the operation is.
macro_rules! sent {
    ($request:expr, $change:expr) => {{
        let answer = $request.customize().mutate_request($change).send().await;
        (status(&answer), code(&answer))
    }};
}

fn md5(body: &[u8]) -> String {
    BASE64_STANDARD.encode(Md5::checksum(body))
}

fn crc32(body: &[u8]) -> String {
    BASE64_STANDARD.encode(Crc32::checksum(body))
}

/// Names of digests, what they are of the body or of another one, and what comes of that.
#[derive(Clone, Copy, Debug)]
struct Case {
    name: &'static str,
    header: &'static str,
    value: fn(&[u8]) -> String,
    expected: (u16, &'static str),
}

const CASES: [Case; 6] = [
    Case { name: "right", header: "content-md5", value: md5, expected: (200, "") },
    Case { name: "another", header: "content-md5", value: |_| md5(b"x"), expected: (400, "BadDigest") },
    Case { name: "none", header: "content-md5", value: |_| "x".into(), expected: (400, "InvalidDigest") },
    Case { name: "right", header: "x-amz-checksum-crc32", value: crc32, expected: (200, "") },
    Case { name: "another", header: "x-amz-checksum-crc32", value: |_| crc32(b"x"), expected: (400, "BadDigest") },
    Case { name: "none", header: "x-amz-checksum-crc32", value: |_| "x".into(), expected: (400, "InvalidRequest") },
];

impl Case {
    /// In place of what the SDK says.
    fn apply(self) -> impl Fn(&mut HttpRequest) + Send + Sync + 'static {
        move |request| {
            let value = (self.value)(request.body().bytes().unwrap());
            let own: Vec<_> = request.headers().iter().map(|(name, _)| name.to_owned()).collect();
            for name in own.iter().filter(|name| name.contains("checksum") || *name == "content-md5") {
                request.headers_mut().remove(name.as_str());
            }
            request.headers_mut().insert(self.header, value);
        }
    }
}

fn assert_is(case: Case, operation: &str, answer: &(u16, String)) {
    let success = case.expected.0 == 200 && answer.0 < 300;
    let Case { name, header, expected, .. } = case;
    assert!(success || (answer.0, answer.1.as_str()) == expected, "{operation}, {name} {header}: {answer:?}");
}

#[tokio::test]
async fn an_xml_body_that_is_another_than_announced_changes_nothing() {
    let fixture = Fixture::start().await;
    let client = &fixture.client;
    let object = ObjectIdentifier::builder().key("k").build().unwrap();
    let delete = Delete::builder().objects(object).build().unwrap();
    let rule = CorsRule::builder().allowed_methods("GET").allowed_origins("*").build().unwrap();
    let cors = CorsConfiguration::builder().cors_rules(rule).build().unwrap();
    let rule =
        LifecycleRule::builder().status(ExpirationStatus::Enabled).filter(LifecycleRuleFilter::builder().build());
    let rule = rule.expiration(LifecycleExpiration::builder().days(1).build()).build().unwrap();
    let rules = BucketLifecycleConfiguration::builder().rules(rule).build().unwrap();
    for case in CASES {
        fixture.put("k", "x").await;
        let done = case.expected.0 == 200;
        let answer = sent!(client.delete_objects().bucket(BUCKET).delete(delete.clone()), case.apply());
        assert_is(case, "DeleteObjects", &answer);
        assert_eq!(status(&client.head_object().bucket(BUCKET).key("k").send().await), if done { 404 } else { 200 });

        let answer = sent!(client.put_bucket_cors().bucket(BUCKET).cors_configuration(cors.clone()), case.apply());
        assert_is(case, "PutBucketCors", &answer);
        assert_eq!(client.get_bucket_cors().bucket(BUCKET).send().await.is_ok(), done, "{case:?}");
        client.delete_bucket_cors().bucket(BUCKET).send().await.unwrap();

        let put = client.put_bucket_lifecycle_configuration().bucket(BUCKET).lifecycle_configuration(rules.clone());
        assert_is(case, "PutBucketLifecycleConfiguration", &sent!(put, case.apply()));
        let kept = client.get_bucket_lifecycle_configuration().bucket(BUCKET).send().await;
        assert_eq!(kept.is_ok(), done, "{case:?}");
        client.delete_bucket_lifecycle().bucket(BUCKET).send().await.unwrap();

        // A checksum would be the object's there.
        if case.header == "content-md5" {
            let id = begin(&fixture, "parts").await;
            let named = part(&fixture, "parts", &id, 1, b"x".to_vec()).await;
            let complete = client.complete_multipart_upload().bucket(BUCKET).key("parts").upload_id(&id);
            assert_is(case, "Complete", &sent!(complete.multipart_upload(parts([named])), case.apply()));
            assert_eq!(client.list_parts().bucket(BUCKET).key("parts").upload_id(&id).send().await.is_err(), done);
        }
    }
}

#[tokio::test]
async fn a_checksum_that_is_promised_and_does_not_come_is_missed() {
    let fixture = Fixture::start().await;
    fixture.put("k", "x").await;
    for (name, value, other) in [("none", "CRC32", None), ("another", "SHA256", Some("x-amz-checksum-crc32"))] {
        let delete = Delete::builder().objects(ObjectIdentifier::builder().key("k").build().unwrap()).build().unwrap();
        let change = move |request: &mut HttpRequest| {
            let right = crc32(request.body().bytes().unwrap());
            request.headers_mut().remove("x-amz-checksum-crc32");
            request.headers_mut().insert("x-amz-sdk-checksum-algorithm", value);
            if let Some(other) = other {
                request.headers_mut().insert(other, right);
            }
        };
        let answer = sent!(fixture.client.delete_objects().bucket(BUCKET).delete(delete), change);
        assert_eq!(answer, (400, "InvalidRequest".to_owned()), "{name}");
    }
    assert_eq!(fixture.get("k").await, b"x");
}

/// The checksum of an object that came in one request, which S3 and the SDK agree about.
async fn checksum_of(fixture: &Fixture, algorithm: &ChecksumAlgorithm, body: &[u8]) -> String {
    let put = fixture.client.put_object().bucket(BUCKET).key("whole").body(ByteStream::from(body.to_vec()));
    let put = put.checksum_algorithm(algorithm.clone()).send().await.unwrap();
    let found = [put.checksum_crc32(), put.checksum_crc32_c(), put.checksum_crc64_nvme()];
    found.into_iter().flatten().next().unwrap().to_owned()
}

#[tokio::test]
async fn the_checksum_of_a_whole_object_is_verified_when_its_parts_are_put_together() {
    let fixture = Fixture::start().await;
    let (client, body) = (&fixture.client, pattern(2 * MIN + 17));
    for algorithm in [ChecksumAlgorithm::Crc32, ChecksumAlgorithm::Crc32C, ChecksumAlgorithm::Crc64Nvme] {
        let whole = checksum_of(&fixture, &algorithm, &body).await;
        let wrong = checksum_of(&fixture, &algorithm, &body[1..]).await;
        let begun = client.create_multipart_upload().bucket(BUCKET).key("k").checksum_type(ChecksumType::FullObject);
        let id = begun.checksum_algorithm(algorithm.clone()).send().await.unwrap().upload_id.unwrap();
        let mut named = Vec::new();
        for (number, bytes) in (1..).zip([&body[..MIN], &body[MIN..2 * MIN], &body[2 * MIN..]]) {
            let part = client.upload_part().bucket(BUCKET).key("k").upload_id(&id).part_number(number);
            let part = part.checksum_algorithm(algorithm.clone()).body(ByteStream::from(bytes.to_vec()));
            let tag = part.send().await.unwrap().e_tag.unwrap();
            named.push(CompletedPart::builder().part_number(number).e_tag(tag).build());
        }
        let complete = |checksum: &str| {
            let complete = client.complete_multipart_upload().bucket(BUCKET).key("k").upload_id(&id);
            let complete = complete.multipart_upload(parts(named.clone())).checksum_type(ChecksumType::FullObject);
            match algorithm {
                ChecksumAlgorithm::Crc32 => complete.checksum_crc32(checksum),
                ChecksumAlgorithm::Crc32C => complete.checksum_crc32_c(checksum),
                _ => complete.checksum_crc64_nvme(checksum),
            }
        };
        let other = complete(&whole).set_checksum_crc32(None).set_checksum_crc32_c(None).set_checksum_crc64_nvme(None);
        for (name, request, expected) in [
            ("wrong", complete(&wrong), (400, "BadDigest")),
            ("malformed", complete("x"), (400, "InvalidRequest")),
            (
                "another algorithm",
                other.checksum_sha256("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
                (501, "NotImplemented"),
            ),
        ] {
            let refused = request.send().await;
            assert_eq!((status(&refused), code(&refused).as_str()), expected, "{algorithm}: {name}");
            assert_eq!(status(&client.head_object().bucket(BUCKET).key("k").send().await), 404, "{algorithm}: {name}");
        }
        let done = complete(&whole).send().await.unwrap();
        let told = [done.checksum_crc32(), done.checksum_crc32_c(), done.checksum_crc64_nvme()];
        assert_eq!(told.into_iter().flatten().next(), Some(whole.as_str()), "{algorithm}");
        // The SDK verifies what it reads.
        let get =
            client.get_object().bucket(BUCKET).key("k").checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
        assert!(get.body.collect().await.unwrap().to_vec() == body, "{algorithm}");
        client.delete_object().bucket(BUCKET).key("k").send().await.unwrap();
    }
}

#[tokio::test]
async fn a_completion_whose_answer_got_lost_may_be_sent_again() {
    let mut fixture = Fixture::start().await;
    let (id, body) = (begin(&fixture, "k").await, pattern(MIN + 7));
    let named = [
        part(&fixture, "k", &id, 1, body[..MIN].to_vec()).await,
        part(&fixture, "k", &id, 2, body[MIN..].to_vec()).await,
    ];
    let complete = |fixture: &Fixture, named: &[CompletedPart]| {
        let complete = fixture.client.complete_multipart_upload().bucket(BUCKET).key("k").upload_id(&id);
        complete.multipart_upload(parts(named.to_vec()))
    };
    // At once, too.
    let twice = tokio::join!(complete(&fixture, &named).send(), complete(&fixture, &named).send());
    let etag = twice.0.unwrap().e_tag.unwrap();
    assert_eq!(twice.1.unwrap().e_tag.as_ref(), Some(&etag));
    let dir = fixture.stop().await;
    fixture = Fixture::on(dir, satchel_s3::ServerOptions::default()).await;
    for (name, request) in
        [("again", complete(&fixture, &named)), ("on its condition", complete(&fixture, &named).if_none_match("*"))]
    {
        let again = request.send().await.unwrap();
        assert_eq!((again.e_tag.as_ref(), again.key()), (Some(&etag), Some("k")), "{name}");
    }
    assert!(fixture.get("k").await == body);
    let refused = complete(&fixture, &named[..1]).send().await;
    assert_eq!((status(&refused), code(&refused).as_str()), (404, "NoSuchUpload"), "other parts");

    let copy = fixture.client.copy_object().bucket(BUCKET).key("copy").copy_source(format!("{BUCKET}/k"));
    copy.send().await.unwrap();
    for (name, source) in [("a copy in its place", Some("copy")), ("deleted", None)] {
        match source {
            Some(source) => {
                let copy =
                    fixture.client.copy_object().bucket(BUCKET).key("k").copy_source(format!("{BUCKET}/{source}"));
                copy.send().await.unwrap();
            }
            None => drop(fixture.client.delete_object().bucket(BUCKET).key("k").send().await.unwrap()),
        }
        let gone = complete(&fixture, &named).send().await;
        assert_eq!((status(&gone), code(&gone).as_str()), (404, "NoSuchUpload"), "{name}");
    }
}

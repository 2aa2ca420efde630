//! Bodies in: whole or not at all.

use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumAlgorithm;
use satchel_s3::ServerOptions;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{ACCESS_KEY, Answer, BUCKET, Fixture, SECRET_KEY, code, pattern, soon, status};

/// The path and query of a presigned PUT, with the headers it signs.
async fn presigned_put(fixture: &Fixture, key: &str, length: i64) -> (String, String) {
    let request = fixture.client.put_object().bucket(BUCKET).key(key).content_length(length);
    let presigned = request.presigned(PresigningConfig::expires_in(Duration::from_secs(60)).unwrap()).await.unwrap();
    let uri = presigned.uri().strip_prefix(&format!("http://{}", fixture.addr)).unwrap().to_owned();
    let headers = presigned.headers().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    (uri, headers)
}

#[tokio::test]
async fn bodies_of_every_size_come_back_as_they_went() {
    let fixture = Fixture::start().await;
    let buffer = 256 * 1024;
    for size in [0, 1, 2, 4095, buffer - 1, buffer, buffer + 1, 3 * buffer + 17, 9 << 20] {
        let key = format!("size/{size}");
        fixture.put(&key, pattern(size)).await;
        assert!(fixture.get(&key).await == pattern(size), "{size} bytes");
        let head = fixture.client.head_object().bucket(BUCKET).key(&key).send().await.unwrap();
        assert_eq!(head.content_length, Some(size as i64));
    }
}

#[tokio::test]
async fn the_etag_is_the_md5() {
    let fixture = Fixture::start().await;
    let put = fixture.client.put_object().bucket(BUCKET).key("k").body(ByteStream::from_static(b"hello"));
    assert_eq!(put.send().await.unwrap().e_tag.unwrap(), "\"5d41402abc4b2a76b9719d911017c592\"");
}

#[tokio::test]
async fn an_interrupted_body_leaves_nothing() {
    let fixture = Fixture::start().await;
    for sent in [0, 1, 300_000, 999_999] {
        let (uri, headers) = presigned_put(&fixture, "k", 1_000_000).await;
        let head = format!("PUT {uri} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", fixture.addr);
        let mut stream = TcpStream::connect(fixture.addr).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&pattern(sent)).await.unwrap();
        stream.shutdown().await.unwrap();
        // The server closes its side only when it is done with the request.
        let mut rest = Vec::new();
        let _ = soon(tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest)).await;
        let missing = fixture.client.head_object().bucket(BUCKET).key("k").send().await;
        assert_eq!(status(&missing), 404, "{sent} bytes sent");
        until_no_files(&fixture).await;
    }
}

/// A write that was under way when the client left ends on a thread of its own.
async fn until_no_files(fixture: &Fixture) {
    soon(async {
        while !fixture.files().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_body_of_another_length_than_signed_is_refused() {
    let fixture = Fixture::start().await;
    let (uri, _) = presigned_put(&fixture, "k", 5).await;
    for (body, expected) in [("hell", 403), ("hello!", 403), ("hello", 200)] {
        let length = body.len();
        let head = format!("PUT {uri} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", fixture.addr);
        let answer = fixture.raw(&format!("{head}Content-Length: {length}\r\n\r\n{body}")).await;
        assert_eq!(answer.status, expected, "{body}: {}", answer.text());
    }
    let head = format!("PUT {uri} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", fixture.addr);
    let chunked = fixture.raw(&format!("{head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")).await;
    assert_eq!(chunked.status, 403, "{}", chunked.text());
}

#[tokio::test]
async fn a_body_without_a_length_is_refused() {
    let fixture = Fixture::start().await;
    let request = fixture.client.put_object().bucket(BUCKET).key("k");
    let presigned = request.presigned(PresigningConfig::expires_in(Duration::from_secs(60)).unwrap()).await.unwrap();
    let uri = presigned.uri().strip_prefix(&format!("http://{}", fixture.addr)).unwrap().to_owned();
    let head = format!("PUT {uri} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", fixture.addr);
    let chunked = fixture.raw(&format!("{head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")).await;
    assert_eq!(chunked.status, 411, "{}", chunked.text());
}

#[tokio::test]
async fn digests_that_differ_are_refused_and_nothing_stays() {
    let fixture = Fixture::start().await;
    let put = || fixture.client.put_object().bucket(BUCKET).key("k").body(ByteStream::from_static(b"hello"));
    let wrong_md5 = put().content_md5("1B2M2Y8AsgTpgAmY7PhCfg==").send().await;
    assert_eq!((status(&wrong_md5), code(&wrong_md5)), (400, "BadDigest".into()));
    let no_md5 = put().content_md5("nonsense").send().await;
    assert_eq!((status(&no_md5), code(&no_md5)), (400, "InvalidDigest".into()));
    let wrong_sha256 = put().checksum_sha256("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=").send().await;
    assert_eq!((status(&wrong_sha256), code(&wrong_sha256)), (400, "BadDigest".into()));
    let wrong_crc = put().checksum_crc32("AAAAAA==").send().await;
    assert_eq!((status(&wrong_crc), code(&wrong_crc)), (400, "BadDigest".into()));
    assert_eq!(status(&fixture.client.head_object().bucket(BUCKET).key("k").send().await), 404);
    assert!(fixture.files().is_empty());
}

#[tokio::test]
async fn every_checksum_algorithm_is_verified_and_given_back() {
    let fixture = Fixture::start().await;
    let all = [
        ChecksumAlgorithm::Crc32,
        ChecksumAlgorithm::Crc32C,
        ChecksumAlgorithm::Crc64Nvme,
        ChecksumAlgorithm::Sha1,
        ChecksumAlgorithm::Sha256,
    ];
    for algorithm in all {
        let put = fixture.client.put_object().bucket(BUCKET).key("k").checksum_algorithm(algorithm.clone());
        let put = put.body(ByteStream::from(pattern(300_000))).send().await.unwrap();
        let get = fixture.client.get_object().bucket(BUCKET).key("k");
        // The SDK verifies the body against the header here.
        let get = get.checksum_mode(aws_sdk_s3::types::ChecksumMode::Enabled).send().await.unwrap();
        let sums = [&get.checksum_crc32, &get.checksum_crc32_c, &get.checksum_crc64_nvme, &get.checksum_sha1];
        let sums = sums.into_iter().chain([&get.checksum_sha256]).flatten().count();
        assert_eq!(sums, 1, "{algorithm:?}: {put:?}");
        assert_eq!(get.checksum_sha256, put.checksum_sha256);
        assert!(get.body.collect().await.unwrap().to_vec() == pattern(300_000));
    }
}

#[tokio::test]
async fn a_streamed_file_comes_as_aws_chunks_and_arrives_whole() {
    let fixture = Fixture::start().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pattern(5_000_000)).unwrap();
    let body = ByteStream::from_path(file.path()).await.unwrap();
    let put = fixture.client.put_object().bucket(BUCKET).key("k").checksum_algorithm(ChecksumAlgorithm::Crc32);
    put.body(body).content_encoding("gzip").send().await.unwrap();
    let get = fixture.client.get_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert_eq!(get.content_encoding.as_deref(), Some("gzip"));
    assert!(get.body.collect().await.unwrap().to_vec() == pattern(5_000_000));
}

#[tokio::test]
async fn metadata_over_two_kibibytes_is_refused() {
    let fixture = Fixture::start().await;
    let put = |length| fixture.client.put_object().bucket(BUCKET).key("k").metadata("a", "x".repeat(length));
    assert_eq!(status(&put(2047).send().await), 200);
    let refused = put(2048).send().await;
    assert_eq!((status(&refused), code(&refused)), (400, "MetadataTooLarge".into()));
}

#[tokio::test]
async fn a_form_is_refused_without_being_collected() {
    let fixture = Fixture::start().await;
    let head = format!("POST /{BUCKET} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 99999999999\r\n");
    let mut stream = TcpStream::connect(fixture.addr).await.unwrap();
    let form = "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n";
    stream.write_all(format!("{head}{form}").as_bytes()).await.unwrap();
    let answer = soon(Answer::read(&mut stream)).await;
    assert_eq!(answer.status, 501);
}

#[tokio::test]
async fn a_body_sent_as_one_unsigned_chunk_arrives_whole() {
    let fixture = Fixture::start().await;
    let bytes = pattern(3_000_000);
    let head = signed_put(&fixture, "k", bytes.len());
    // The CRC-32 of the pattern comes from the server itself, which the SDK verified in another test.
    let put = fixture.client.put_object().bucket(BUCKET).key("same").body(ByteStream::from(bytes.clone()));
    let sum = put.checksum_algorithm(ChecksumAlgorithm::Crc32).send().await.unwrap().checksum_crc32.unwrap();
    for (sum, expected) in [(sum.as_str(), 200), ("AAAAAA==", 400)] {
        let mut body = format!("{:x}\r\n", bytes.len()).into_bytes();
        body.extend_from_slice(&bytes);
        body.extend_from_slice(format!("\r\n0\r\nx-amz-checksum-crc32:{sum}\r\n\r\n").as_bytes());
        let mut request = format!("{head}content-length: {}\r\nconnection: close\r\n\r\n", body.len()).into_bytes();
        request.extend_from_slice(&body);
        let answer = fixture.raw_bytes(&request).await;
        assert_eq!(answer.status, expected, "{}", answer.text());
    }
    assert!(fixture.get("k").await == bytes);
}

/// botocore waits for the answer to end, where it gets one in place of the 100 that an empty body never brings.
#[tokio::test]
async fn an_empty_body_that_waits_for_a_100_ends_its_connection() {
    let fixture = Fixture::start().await;
    let (uri, _) = presigned_put(&fixture, "k", 0).await;
    let head = format!("PUT {uri} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\n", fixture.addr);
    // Without `Connection: close`: the answer is read up to the end of the connection.
    let answer = soon(fixture.raw(&format!("{head}Expect: 100-continue\r\n\r\n"))).await;
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")), "{}", answer.text());
    assert_eq!(fixture.get("k").await, b"");
}

#[tokio::test]
async fn a_chunked_transfer_of_a_known_length_is_taken() {
    let fixture = Fixture::start().await;
    let head = signed_put(&fixture, "k", 5);
    for (length, expected) in [("5", 200), ("6", 403)] {
        let head = head.replace("x-amz-decoded-content-length: 5", &format!("x-amz-decoded-content-length: {length}"));
        let chunks = "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n";
        let body = format!("{:x}\r\n{chunks}\r\n0\r\n\r\n", chunks.len());
        let answer = fixture.raw(&format!("{head}transfer-encoding: chunked\r\nconnection: close\r\n\r\n{body}")).await;
        assert_eq!(answer.status, expected, "{}", answer.text());
    }
    assert_eq!(fixture.get("k").await, b"hello");
}

/// The head of a PUT as SDKs send it over TLS: the header is signed, the chunks are not.
fn signed_put(fixture: &Fixture, key: &str, decoded_length: usize) -> String {
    use aws_sigv4::http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, sign,
    };
    let uri = format!("http://{}/{BUCKET}/{key}", fixture.addr);
    let length = decoded_length.to_string();
    let headers = [
        ("host", fixture.addr.to_string()),
        ("x-amz-decoded-content-length", length),
        ("x-amz-trailer", "x-amz-checksum-crc32".to_owned()),
    ];
    let identity = aws_sdk_s3::config::Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test").into();
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let params = aws_sigv4::sign::v4::SigningParams::builder()
        .identity(&identity)
        .region("eu-central-1")
        .name("s3")
        .time(std::time::SystemTime::now())
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let pairs = headers.iter().map(|(name, value)| (*name, value.as_str()));
    let body = SignableBody::StreamingUnsignedPayloadTrailer;
    let signable = SignableRequest::new("PUT", &uri, pairs.clone(), body).unwrap();
    let (instructions, _) = sign(signable, &params).unwrap().into_parts();
    let (signed, _) = instructions.into_parts();
    let signed = signed.iter().map(|header| (header.name(), header.value()));
    let lines: String = pairs.chain(signed).map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("PUT /{BUCKET}/{key} HTTP/1.1\r\n{lines}")
}

#[tokio::test]
async fn a_client_that_stalls_is_given_up() {
    let patience = satchel_listener::Patience { idle: Duration::from_millis(200), ..Default::default() };
    let terms = satchel_listener::Terms { patience, ..Default::default() };
    let options = ServerOptions { terms, ..ServerOptions::default() };
    let fixture = Fixture::with(options).await;
    let (uri, headers) = presigned_put(&fixture, "k", 1000).await;
    let head = format!("PUT {uri} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", fixture.addr);
    let mut stream = TcpStream::connect(fixture.addr).await.unwrap();
    stream.write_all(format!("{head}half of it").as_bytes()).await.unwrap();
    let answer = soon(Answer::read(&mut stream)).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("RequestTimeout"), "{}", answer.text());
    assert!(fixture.files().is_empty());
}

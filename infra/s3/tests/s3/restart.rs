//! What a restart keeps, and who may hold the folder.

use aws_sdk_s3::primitives::ByteStream;
use satchel_s3::{OpenError, ServerOptions, Store};

use crate::multipart::{begin, part, parts};
use crate::support::{BUCKET, Fixture, blob_files, pattern, status};

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let fixture = Fixture::start().await;
    let put = fixture.client.put_object().bucket(BUCKET).key("k").body(ByteStream::from(pattern(100_000)));
    put.content_type("image/png").metadata("owner", "me").send().await.unwrap();
    let before = fixture.client.head_object().bucket(BUCKET).key("k").send().await.unwrap();
    let id = begin(&fixture, "multi").await;
    let first = part(&fixture, "multi", &id, 1, pattern(5 << 20)).await;

    let fixture = Fixture::on(fixture.stop().await, ServerOptions::default()).await;
    let after = fixture.client.head_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert_eq!(after.e_tag, before.e_tag);
    assert_eq!(after.last_modified, before.last_modified);
    assert_eq!(after.content_type, before.content_type);
    assert_eq!(after.metadata, before.metadata);
    assert!(fixture.get("k").await == pattern(100_000));

    let last = part(&fixture, "multi", &id, 2, pattern(10)).await;
    let complete = fixture.client.complete_multipart_upload().bucket(BUCKET).key("multi").upload_id(&id);
    complete.multipart_upload(parts([first, last])).send().await.unwrap();
    assert_eq!(fixture.get("multi").await.len(), (5 << 20) + 10);
    assert_eq!(blob_files(fixture.dir.path()).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_folder_in_use_is_named_in_the_error() {
    let dir = tempfile::tempdir().unwrap();
    let _first = Store::open(dir.path()).await.unwrap();
    // The clock is paused, so the five seconds of waiting pass at once.
    let error = Store::open(dir.path()).await.unwrap_err();
    assert!(matches!(error, OpenError::InUse(_)));
    assert!(error.to_string().contains(dir.path().to_str().unwrap()), "{error}");
}

#[tokio::test]
async fn a_successor_waits_for_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let first = Store::open(dir.path()).await.unwrap();
    let (second, closed) = tokio::join!(Store::open(dir.path()), first.close());
    closed.unwrap();
    second.unwrap();
}

#[tokio::test]
async fn a_folder_that_several_make_at_once_is_made_once() {
    for _ in 0..8 {
        let dir = tempfile::tempdir().unwrap();
        let open = || async { Store::open(dir.path()).await.unwrap().close().await.unwrap() };
        tokio::join!(open(), open(), open(), open());
    }
}

#[tokio::test]
async fn a_closed_store_answers_503() {
    let fixture = Fixture::start().await;
    fixture.store.clone().close().await.unwrap();
    assert_eq!(status(&fixture.client.head_bucket().bucket(BUCKET).send().await), 503);
    let put = fixture.client.put_object().bucket(BUCKET).key("k").send().await;
    assert_eq!(status(&put), 503);
}

#[tokio::test]
async fn an_upload_under_way_is_finished_when_the_server_stops() {
    use crate::support::soon;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let fixture = Fixture::start().await;
    let request = fixture.client.put_object().bucket(BUCKET).key("k").content_length(10);
    let expires = std::time::Duration::from_secs(60);
    let presigned = aws_sdk_s3::presigning::PresigningConfig::expires_in(expires).unwrap();
    let presigned = request.presigned(presigned).await.unwrap();
    let path = presigned.uri().strip_prefix(&format!("http://{}", fixture.addr)).unwrap().to_owned();
    let mut stream = tokio::net::TcpStream::connect(fixture.addr).await.unwrap();
    let head =
        format!("PUT {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n", fixture.addr);
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body: the request is under way.
    let mut interim = [0; 25];
    soon(stream.read_exact(&mut interim)).await.unwrap();
    assert!(interim.starts_with(b"HTTP/1.1 100 "), "{}", String::from_utf8_lossy(&interim));
    let stopping = tokio::spawn(fixture.stop());
    stream.write_all(b"0123456789").await.unwrap();
    let mut answer = Vec::new();
    soon(stream.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
    let fixture = Fixture::on(stopping.await.unwrap(), ServerOptions::default()).await;
    assert_eq!(fixture.get("k").await, b"0123456789");
}

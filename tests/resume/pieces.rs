//! Chunks of any size on one machine: kept as far as they came, and one request to the client.

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{
    Answer, Request, Setup, World, bytes,
    stores::everywhere,
    tokens,
    tus::{CHUNK_TYPE, MIB, create, offset, offset_of, patch, post, resolved, send, send_rest, target, tus},
};

const EVENT_LIMIT: usize = 4_669_440;
const PIECE: usize = 5 * MIB;

fn strict() -> Setup {
    Setup { strict_aws: true, ..Setup::default() }
}

/// The same chunk in HTTP's own chunks, its length not announced.
fn unannounced(url: &str, offset: usize, chunk: &[u8]) -> Request {
    let head = tus("PATCH", url).header("Content-Type", CHUNK_TYPE).header("Upload-Offset", offset.to_string());
    let framed =
        chunk.chunks(100_000).flat_map(|piece| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
    let body: Vec<u8> = framed.chain(*b"0\r\n\r\n").collect();
    head.header("Transfer-Encoding", "chunked").raw_body(&body)
}

/// Sends the head of a request and less of its body than it says, then no more.
async fn broken_off(world: &World, request: &Request, length: usize, body: &[u8]) -> Vec<u8> {
    let host = world.stack.address().to_string();
    let mut socket = TcpStream::connect(&host).await.unwrap();
    let head = request.clone().header("Content-Length", length.to_string()).head(&host);
    socket.write_all(&[&head, body].concat()).await.unwrap();
    // The other direction stays open, so that the server is done before the check that follows.
    socket.shutdown().await.unwrap();
    let mut rest = Vec::new();
    let _ = socket.read_to_end(&mut rest).await;
    rest
}

fn head_of_patch(url: &str, offset: usize) -> Request {
    tus("PATCH", url).header("Content-Type", CHUNK_TYPE).header("Upload-Offset", offset.to_string())
}

#[tokio::test]
async fn a_chunk_of_any_size_is_taken() {
    let (s3, worlds) = everywhere().await;
    for (_, world) in worlds {
        let body = bytes(17 * MIB + 3);
        for length in [EVENT_LIMIT + 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, body.len()] {
            for (name, begun) in [("whole", 0), ("rest", 7)] {
                let path = format!("u/{name}{length}");
                let url = create(&world, &path, length).await;
                if begun > 0 {
                    send(&world, &url, 0, &body[..begun]).await;
                }
                assert_eq!(send(&world, &url, begun, &body[begun..length]).await, length, "{name} {length}");
                assert!(world.fetch(&tokens::target(&path)).await.body == body[..length], "{name} {length}");
            }
            let url = create(&world, &format!("u/unannounced{length}"), length).await;
            let answer = world.send(&unannounced(&url, 0, &body[..length])).await;
            assert_eq!((answer.status, offset_of(&answer)), (204, length));
            assert!(world.fetch(&format!("/upload/u/unannounced{length}")).await.body == body[..length], "{length}");
        }
        assert!(world.keys("resuming/").await.is_empty());
        world.stop().await;
    }
    s3.stop().await;
}

#[tokio::test]
async fn a_creation_may_bring_a_file_of_any_size() {
    let (s3, worlds) = everywhere().await;
    for (_, world) in worlds {
        let body = bytes(12 * MIB);
        for (path, length, first) in [
            ("u/whole", EVENT_LIMIT + 1, EVENT_LIMIT + 1),
            ("u/pieces", body.len(), body.len()),
            ("u/part", body.len(), 11 * MIB),
        ] {
            let at = target(&tokens::v1(path, length));
            let created = world.send(&post(path, length).header("Content-Type", CHUNK_TYPE).body(&body[..first])).await;
            let url = resolved(&at, &created);
            assert_eq!(offset_of(&created), first, "{path}");
            assert_eq!(created.header("upload-expires").is_none(), first == length, "{path}");
            assert!(url.ends_with(created.header("x-session-token").unwrap()), "{path}");
            let line = world.lines.last();
            let code = if first == length { "stored" } else { "upload_created" };
            assert_eq!(
                (&line["code"], &line["size_bytes"], &line["protocol"]),
                (&json!(code), &json!(length), &json!("v"))
            );
            assert_eq!(offset(&world, &url).await, first, "{path}");
            send_rest(&world, &url, &body[..length], body.len()).await;
            assert!(world.fetch(&tokens::target(path)).await.body == body[..length], "{path}");
        }
        world.stop().await;
    }
    s3.stop().await;
}

#[tokio::test]
async fn a_chunk_has_one_line_whatever_its_pieces() {
    let world = World::new().await;
    let body = bytes(12 * MIB);
    let url = create(&world, "u/a", body.len()).await;
    for (offset, end, code) in [(0, 11 * MIB, "chunk_stored"), (11 * MIB, body.len(), "stored")] {
        let before = world.lines.all().len();
        send(&world, &url, offset, &body[offset..end]).await;
        let lines = world.lines.all().split_off(before);
        assert_eq!(lines.len(), 1, "{lines:?}");
        let line = &lines[0];
        assert_eq!((&line["function"], &line["code"]), (&json!("resume"), &json!(code)), "{line}");
        assert_eq!((&line["chunk_bytes"], &line["size_bytes"]), (&json!(end - offset), &json!(body.len())), "{line}");
    }
    world.stop().await;
}

#[tokio::test]
async fn what_came_of_a_chunk_that_breaks_off_is_kept() {
    let (s3, worlds) = everywhere().await;
    for (_, world) in worlds {
        let body = bytes(12 * MIB);
        for (name, cuts) in [
            ("a few bytes", vec![1, 2, 1_000]),
            ("in the first piece", vec![100_000, 3 * MIB]),
            ("at a piece's end", vec![PIECE, 2 * PIECE]),
            ("between", vec![PIECE + 1, 11 * MIB]),
        ] {
            let path = format!("u/{name}");
            let url = create(&world, &path, body.len()).await;
            let mut at = 0;
            for cut in cuts {
                let before = world.lines.all().len();
                broken_off(&world, &head_of_patch(&url, at), body.len() - at, &body[at..cut]).await;
                assert_eq!(offset(&world, &url).await, cut, "{name}");
                let line = &world.lines.all()[before];
                assert_eq!(
                    (&line["function"], &line["code"]),
                    (&json!("gateway"), &json!("body_incomplete")),
                    "{line}"
                );
                assert_eq!(
                    (&line["protocol"], &line["chunk_bytes"]),
                    (&json!("upload_id"), &json!(cut - at)),
                    "{line}"
                );
                at = cut;
            }
            send_rest(&world, &url, &body, body.len()).await;
            assert!(world.fetch(&tokens::target(&path)).await.body == body, "{name}");
        }
        world.stop().await;
    }
    s3.stop().await;
}

#[tokio::test]
async fn nothing_is_kept_of_what_cannot_be_told_to_be_right() {
    let world = World::new().await;
    let body = bytes(8 * MIB);
    let url = create(&world, "u/a", body.len()).await;
    let sha1 = "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for cut in [1_000, 3 * MIB, 7 * MIB] {
        let head = head_of_patch(&url, 0).header("Upload-Checksum", sha1);
        broken_off(&world, &head, body.len(), &body[..cut]).await;
        assert_eq!(offset(&world, &url).await, 0, "{cut}: a chunk with a checksum");
    }
    broken_off(&world, &head_of_patch(&url, 1), body.len() - 1, &body[1..7 * MIB]).await;
    assert_eq!(offset(&world, &url).await, 0, "another offset");
    broken_off(&world, &head_of_patch(&url.replace("upload=", "upload=x"), 0), body.len(), &body[..1_000]).await;
    assert_eq!(offset(&world, &url).await, 0, "no upload");
    let creation = post("u/b", body.len()).header("Content-Type", CHUNK_TYPE);
    for cut in [1_000, 3 * MIB] {
        broken_off(&world, &creation, body.len(), &body[..cut]).await;
        assert_eq!(world.unfinished().await, 1, "{cut}: nobody knows of such an upload");
    }
    world.stop().await;
    let world = World::with(strict()).await;
    let url = create(&world, "u/a", body.len()).await;
    broken_off(&world, &head_of_patch(&url, 0), 4 * MIB, &body[..3 * MIB]).await;
    assert_eq!(offset(&world, &url).await, 0, "API Gateway waits for all of it");
    world.stop().await;
}

#[tokio::test]
async fn the_checksum_of_a_chunk_is_one_of_all_its_pieces() {
    let (s3, worlds) = everywhere().await;
    for (_, world) in worlds {
        let body = vec![0; 11 * MIB];
        let url = create(&world, "u/a", body.len()).await;
        let with = |checksum: &str| patch(&url, 0, &body).header("Upload-Checksum", checksum);
        // head -c 11534336 /dev/zero | openssl dgst -sha256 -binary | base64, and of one byte less
        let (right, wrong) = (
            "sha256 1NJjmtlLAhGDlGEibrV6XhhYKeXEqXg8Lanwo9oDK/U=",
            "sha256 +jLLHVxXON2a6XHdIJrZW5Y2SmB9jt8FUb6NLRtNwDE=",
        );
        for (checksum, status, code) in [
            (wrong, 460, "checksum_mismatch"),
            ("md5 AAAA", 400, "checksum_algorithm"),
            ("sha1 !", 400, "tus_header_malformed"),
        ] {
            let answer = world.send(&with(checksum)).await;
            assert_eq!((answer.status, answer.code().as_str()), (status, code));
            assert_eq!(offset(&world, &url).await, 0, "{checksum}");
        }
        let answer = world.send(&with(right)).await;
        assert_eq!((answer.status, offset_of(&answer)), (204, body.len()));
        assert!(world.fetch("/upload/u/a").await.body == body);
        world.stop().await;
    }
    s3.stop().await;
}

#[tokio::test]
async fn a_chunk_beyond_the_end_is_refused_before_it_is_read_where_its_length_is_known() {
    let (s3, worlds) = everywhere().await;
    for (place, world) in worlds {
        let body = bytes(12 * MIB);
        let url = create(&world, "u/a", 11 * MIB).await;
        let refused = world.send(&head_of_patch(&url, 0).header("Expect", "100-continue").body(&body)).await;
        assert_eq!((refused.status, refused.code().as_str()), (413, "chunk_too_long"));
        assert_eq!(offset(&world, &url).await, 0);
        let refused = world.send(&unannounced(&url, 0, &body)).await;
        assert_eq!((refused.status, refused.code().as_str()), (413, "chunk_too_long"));
        let kept = if place == "folder" { 0 } else { 2 * PIECE };
        assert_eq!(offset(&world, &url).await, kept, "on S3 all but the piece that goes beyond the end");
        send_rest(&world, &url, &body[..11 * MIB], body.len()).await;
        assert!(world.fetch("/upload/u/a").await.body == body[..11 * MIB]);
        world.stop().await;
    }
    s3.stop().await;
}

#[tokio::test]
async fn strict_aws_takes_what_an_event_holds() {
    let world = World::with(strict()).await;
    let body = bytes(EVENT_LIMIT + 1);
    let url = create(&world, "u/a", body.len()).await;
    let limits = |answer: &Answer| answer.header("upload-limit").unwrap().to_owned();
    let creation = post("u/b", body.len()).header("Content-Type", CHUNK_TYPE).body(&body);
    for request in [patch(&url, 0, &body), creation] {
        let answer = world.send(&request).await;
        assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"));
        assert_eq!(limits(&answer), "max-size=5368709120, max-append-size=4669440");
    }
    assert_eq!(offset(&world, &url).await, 0);
    assert_eq!(send(&world, &url, 0, &body[..EVENT_LIMIT]).await, EVENT_LIMIT);
    let options = world.send(&Request::new("OPTIONS", "/resume")).await;
    assert_eq!(limits(&options), "max-size=5368709120, max-append-size=4669440");
    world.stop().await;
}

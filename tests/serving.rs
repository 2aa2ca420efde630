//! Files that the program hands out itself: whole, in parts, and not again to those who have them.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{
    Answer, PlainS3, Request, Setup, World, bytes,
    stores::wherever_files_are_streamed,
    tokens::{self, metronome_delete},
};

async fn ask(world: &World, method: &str, headers: &[(&str, &str)]) -> Answer {
    let request = Request::new(method, "/upload/u/a.bin");
    world.send(&headers.iter().fold(request, |request, (name, value)| request.header(name, *value))).await
}

#[tokio::test]
async fn a_file_comes_at_once_with_all_that_is_known_of_it() {
    wherever_files_are_streamed(async |world| {
        for (name, size) in
            [("empty", 0), ("small", 5), ("inside", 32 * 1024), ("outside", 32 * 1024 + 1), ("large", 3_000_000)]
        {
            let (target, body) = (format!("/upload/u/{name}"), bytes(size));
            world.store(&format!("u/{name}"), &body).await;
            let got = world.get(&target).await;
            assert_eq!((got.status, got.body.len()), (200, size), "{name}");
            assert!(got.body == body, "{name}");
            let head = world.send(&Request::new("HEAD", &target)).await;
            assert_eq!((head.status, head.body.len()), (200, 0), "{name}");
            assert_eq!(got.headers, head.headers, "{name}");
            for (header, value) in [
                ("content-length", size.to_string().as_str()),
                ("content-type", "application/octet-stream"),
                ("accept-ranges", "bytes"),
                ("cache-control", "max-age=31556952, immutable"),
                ("x-content-type-options", "nosniff"),
                (
                    "access-control-expose-headers",
                    "Content-Length, Content-Range, Content-Disposition, ETag, Accept-Ranges",
                ),
            ] {
                assert_eq!(got.header(header), Some(value), "{name}");
            }
            assert!(got.header("content-security-policy").unwrap().ends_with("; sandbox"), "{got:?}");
            assert!(got.header("content-disposition").unwrap().starts_with("attachment; "), "{got:?}");
            assert!(got.header("etag").is_some() && got.header("last-modified").is_some(), "{got:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn parts_are_given_at_every_boundary_of_what_is_stored() {
    wherever_files_are_streamed(async |world| {
        const BLOCK: usize = 64 * 1024;
        for size in [100, 5 * BLOCK + 7] {
            let (body, path) = (bytes(size), format!("u/{size}"));
            world.store(&path, &body).await;
            let edges = [0, 1, 99, BLOCK - 1, BLOCK, BLOCK + 1, 4 * BLOCK, size - 1];
            for first in edges.into_iter().filter(|first| *first < size) {
                for last in edges.into_iter().filter(|last| (first..size).contains(last)) {
                    let range = format!("bytes={first}-{last}");
                    let part =
                        world.send(&Request::new("GET", &format!("/upload/{path}")).header("Range", &range)).await;
                    assert_eq!(part.status, 206, "{range}");
                    assert!(part.body == body[first..=last], "{range}");
                    assert_eq!(part.header("content-range"), Some(format!("bytes {first}-{last}/{size}").as_str()));
                    assert_eq!(part.header("content-length"), Some((last - first + 1).to_string().as_str()));
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn several_parts_come_in_one_body() {
    wherever_files_are_streamed(async |world| {
    let body = bytes(1_000);
    world.store("u/a.bin", &body).await;
    let answer = ask(world, "GET", &[("Range", "bytes=0-1, 500-509,-1")]).await;
    assert_eq!(answer.status, 206);
    let boundary = answer.header("content-type").unwrap().strip_prefix("multipart/byteranges; boundary=").unwrap();
    let mut expected = Vec::new();
    for (range, bytes) in [("0-1", &body[..2]), ("500-509", &body[500..510]), ("999-999", &body[999..])] {
        let heading = format!(
            "\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {range}/1000\r\n\r\n"
        );
        expected.extend([heading.as_bytes(), bytes].concat());
    }
    expected.extend(format!("\r\n--{boundary}--\r\n").bytes());
    assert_eq!(String::from_utf8_lossy(&answer.body), String::from_utf8_lossy(&expected));
    assert_eq!(answer.header("content-length"), Some(expected.len().to_string().as_str()));
    })
    .await;
}

#[tokio::test]
async fn what_is_known_is_not_sent_again_and_what_is_not_there_is_not_made_up() {
    wherever_files_are_streamed(async |world| {
        world.store("u/a.bin", &bytes(1_000)).await;
        let whole = ask(world, "GET", &[]).await;
        let (etag, modified) = (whole.header("etag").unwrap(), whole.header("last-modified").unwrap());
        for (headers, status) in [
            (vec![("If-None-Match", etag)], 304),
            (vec![("If-Modified-Since", modified)], 304),
            (vec![("If-None-Match", "\"other\""), ("If-Modified-Since", modified)], 200),
            (vec![("If-None-Match", etag), ("Range", "bytes=0-0")], 304),
            (vec![("If-Match", etag)], 200),
            (vec![("If-Match", "\"other\"")], 412),
            (vec![("If-Range", etag), ("Range", "bytes=0-0")], 206),
            (vec![("If-Range", "\"other\""), ("Range", "bytes=0-0")], 200),
            (vec![("Range", "bytes=1000-")], 416),
            (vec![("Range", "lines=1-2")], 200),
        ] {
            let answer = ask(world, "GET", &headers).await;
            assert_eq!(answer.status, status, "{headers:?}");
            let head = ask(world, "HEAD", &headers).await;
            let without_range = if [206, 416].contains(&status) { 200 } else { status };
            assert_eq!((head.status, head.body.len()), (without_range, 0), "HEAD {headers:?}");
            if status == 304 {
                assert_eq!(answer.body, b"");
                for name in ["etag", "last-modified", "cache-control", "content-disposition"] {
                    assert_eq!(answer.header(name), whole.header(name), "{name}");
                }
                assert_eq!(answer.header("content-length").unwrap_or("0"), "0");
            }
            if status == 416 {
                assert_eq!(answer.header("content-range"), Some("bytes */1000"));
                assert_eq!(answer.code(), "range_not_satisfiable");
            }
            if status == 412 {
                assert_eq!(answer.code(), "precondition_failed");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_file_that_is_deleted_while_it_is_read_is_read_to_its_end() {
    const SECRET: &str = "deletes things";
    let variables = vec![("SATCHEL_METRONOME_DELETE_SECRET", SECRET.to_owned())];
    let world = World::with(Setup { variables, ..Setup::default() }).await;
    // More than sockets hold.
    let body = bytes(40_000_000);
    world.store("u/a.bin", &body).await;
    let host = world.stack.address().to_string();
    let mut reader = TcpStream::connect(&host).await.unwrap();
    reader.write_all(&Request::new("GET", "/upload/u/a.bin").head(&host)).await.unwrap();
    let mut start = vec![0; 1_000];
    reader.read_exact(&mut start).await.unwrap();
    assert_eq!(world.send(&Request::new("DELETE", &metronome_delete("u/a.bin", SECRET))).await.status, 204);
    assert_eq!(world.get("/upload/u/a.bin").await.status, 404);
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).await.unwrap();
    start.extend(rest);
    assert!(start.ends_with(&body[..]), "{} bytes", start.len());
    world.stop().await;
}

/// The files of a folder's store.
fn blobs(world: &World) -> Vec<std::path::PathBuf> {
    let children = |folder: &std::path::Path| -> Vec<_> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    children(&world.stack.data().join("s3/blobs")).iter().flat_map(|folder| children(folder)).collect()
}

#[tokio::test]
async fn a_damaged_file_is_said_to_be_so_and_harms_no_other() {
    let world = World::new().await;
    world.store("u/a.bin", &bytes(100_000)).await;
    let [blob] = blobs(&world).try_into().unwrap();
    world.store("u/b.bin", &bytes(100_000)).await;
    let mut stored = std::fs::read(&blob).unwrap();
    stored[10] ^= 1;
    std::fs::write(&blob, stored).unwrap();
    let whole = ask(&world, "GET", &[]).await;
    assert_eq!((whole.status, whole.code()), (500, "file_damaged".into()));
    assert_eq!(ask(&world, "GET", &[("Range", "bytes=0-0, 5-6")]).await.code(), "file_damaged");
    // What is sound of it can still be had.
    let rest = ask(&world, "GET", &[("Range", "bytes=70000-")]).await;
    assert!(rest.status == 206 && rest.body == bytes(100_000)[70_000..]);
    assert_eq!(world.get("/upload/u/b.bin").await.body, bytes(100_000));
    // It is never taken for absent.
    assert_eq!(world.put(&tokens::v1("u/a.bin", 5), b"other").await.code(), "file_exists");
    world.stop().await;
}

#[tokio::test]
async fn a_request_for_a_file_may_have_a_body() {
    wherever_files_are_streamed(async |world| {
        world.store("u/a.bin", b"hello").await;
        let answer = world.send(&Request::new("GET", "/upload/u/a.bin").body(&bytes(1_000_000))).await;
        assert_eq!((answer.status, answer.body.as_slice()), (200, b"hello".as_slice()));
    })
    .await;
}

#[tokio::test]
async fn a_page_may_ask_for_parts_and_see_what_it_gets() {
    wherever_files_are_streamed(async |world| {
        world.store("u/a.bin", b"hello").await;
        let preflight = ask(
            world,
            "OPTIONS",
            &[
                ("Origin", "https://chat.example.org"),
                ("Access-Control-Request-Method", "GET"),
                ("Access-Control-Request-Headers", "range, cache-control"),
            ],
        )
        .await;
        let allowed = preflight.header("access-control-allow-headers").unwrap().to_lowercase();
        for name in ["range", "if-range", "if-none-match", "cache-control"] {
            assert!(allowed.split(", ").any(|allowed| allowed == name), "{name} in {allowed}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_slot_has_put_into_the_store_is_served_like_any_other() {
    let s3 = PlainS3::start().await;
    let streamed = vec![("SATCHEL_DOWNLOADS", "stream".to_owned())];
    for world in [World::with_s3().await, s3.world(streamed).await] {
        let announced = Request::new("PUT", &tokens::v1("u/a.bin", 5)).header("X-Upload-Length", "5");
        let redirect = world.send(&announced).await;
        assert_eq!(crate::support::follow_with(&redirect, "PUT", &[], b"hello").await.status, 200);
        let got = world.get("/upload/u/a.bin").await;
        assert_eq!((got.status, got.body.as_slice()), (200, b"hello".as_slice()));
        world.stop().await;
    }
    s3.stop().await;
}

//! What becomes a file: of which tokens, of which chunks, with what beside it, and for how many requests.

use serde_json::json;

use crate::support::{
    PlainS3, Request, Setup, World, bytes, path,
    tokens::{self, bearer, claims},
    tus::{CHUNK, CHUNK_TYPE, MIB, create, offset, offset_of, post, resolved, send, send_rest, target, tus},
};

const NOW: u64 = 1_612_113_200;

#[tokio::test]
async fn every_token_creates_an_upload_that_is_sealed_as_any_other() {
    let world = World::new().await;
    let jwt = bearer(&claims("u4", "a b.png", 5, "image/png", 4_000_000_000));
    let png = "filetype aW1hZ2UvcG5n,filename YQ==";
    for (name, path, request) in [
        ("v", "u1/a b.png", post("u1/a b.png", 5)),
        ("v2", "u2/a b.png", tus("POST", &target(&tokens::v2("u2/a b.png", 5, "image/png")))),
        ("token", "u3/a b.png", tus("POST", &target(&tokens::metronome("u3/a b.png", 5, "image/png")))),
        ("jwt", "u4/a b.png", tus("POST", "/resume/u4/another/name").header("Authorization", jwt)),
    ] {
        let created_at =
            if name == "jwt" { "/resume/u4/another/name".to_owned() } else { target(&tokens::target(path)) };
        let request = if name == "v" { request } else { request.header("Upload-Length", "5") };
        let created = world.send(&request.header("Upload-Metadata", png)).await;
        let url = resolved(&created_at, &created);
        assert!(url.starts_with(&target(&tokens::target(path))), "{name} {url}");
        let found = world.send(&tus("HEAD", &url)).await;
        assert_eq!((offset_of(&found), found.header("upload-length")), (0, Some("5")), "{name}");
        assert_eq!(found.header("upload-metadata"), Some(png));
        assert_eq!(send(&world, &url, 0, b"hel").await, 3);
        assert_eq!(world.get(&tokens::target(path)).await.status, 404, "{name}: not there before its last byte");
        assert_eq!(send(&world, &url, 3, b"lo").await, 5);
        let fetched = world.fetch(&tokens::target(path)).await;
        assert_eq!((fetched.status, fetched.body.as_slice()), (200, b"hello".as_slice()), "{name}");
        assert_eq!(fetched.header("content-type"), Some("image/png"), "{name}");
        assert_eq!(fetched.header("content-disposition"), Some("inline; filename*=UTF-8''a%20b.png"), "{name}");
    }
    assert!(world.keys("resuming/").await.is_empty());
    world.stop().await;
}

#[tokio::test]
async fn owner_and_expiry_are_kept_with_the_file() {
    let world = World::with(Setup { s3: true, now: Some(NOW), ..Setup::default() }).await;
    let mut claims = claims("s", "f", 5, "", NOW + 300);
    claims["expires"] = json!(NOW + 1_000);
    let request = tus("POST", "/resume/s/f").header("Upload-Length", "5").header("Authorization", bearer(&claims));
    let created = world.send(&request).await;
    assert_eq!(created.header("upload-expires"), Some("Sun, 31 Jan 2021 17:30:00 GMT"), "no later than the file");
    send(&world, &resolved("/resume/s/f", &created), 0, b"hello").await;
    let put = Request::new("PUT", "/upload/s/g").header(
        "Authorization",
        bearer(&{
            let mut claims = claims.clone();
            claims["filename"] = json!("g");
            claims
        }),
    );
    assert_eq!(world.send(&put.body(b"hello")).await.status, 201);
    let metadata = async |key: &str| {
        let head = world.s3().head_object().bucket("satchel").key(key).send().await.unwrap();
        let mut metadata = head.metadata.unwrap();
        let own = ["upload", "filename", "token"].map(|name| metadata.remove(name));
        assert!(own.iter().all(Option::is_some), "{own:?}");
        (metadata, head.content_type)
    };
    assert_eq!(metadata("uploads/s/f").await, metadata("uploads/s/g").await, "as a PUT has it");
    world.stop().await;
}

#[tokio::test]
async fn chunks_of_any_size_make_one_file() {
    let world = World::with_s3().await;
    let body = bytes(17 * MIB + 3);
    for (name, sizes) in [
        ("one byte around a part", vec![1, CHUNK, MIB - 2, 1, 1, 1, CHUNK]),
        ("as large as can be", vec![4_669_440]),
        ("exactly a part", vec![5 * MIB / 2]),
        ("odd", vec![1_000_003]),
    ] {
        let path = format!("u/{name}");
        let url = create(&world, &path, body.len()).await;
        let mut at = 0;
        for size in sizes.iter().cycle() {
            if at == body.len() {
                break;
            }
            at = send(&world, &url, at, &body[at..(at + size).min(body.len())]).await;
            let waiting = world.s3().list_objects_v2().bucket("satchel").prefix("resuming/").send().await.unwrap();
            let sizes: Vec<i64> = waiting.contents().iter().filter_map(|object| object.size).collect();
            assert!(sizes.iter().all(|size| *size < 5 * MIB as i64 + 256), "{name}: {sizes:?}");
        }
        assert!(world.fetch(&tokens::target(&path)).await.body == body, "{name}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_first_chunk_may_come_with_the_creation() {
    let world = World::new().await;
    let body = bytes(6 * MIB);
    for (path, length, first) in
        [("u/empty", 0, 0), ("u/whole", CHUNK, CHUNK), ("u/part", 6 * MIB, CHUNK), ("u/byte", 2, 1)]
    {
        let before = world.keys("").await.len();
        let creation = post(path, length).header("Content-Type", CHUNK_TYPE).body(&body[..first]);
        let created = world.send(&creation).await;
        let url = resolved(&target(&tokens::v1(path, length)), &created);
        assert_eq!(offset_of(&created), first, "{path}");
        assert_eq!(created.header("upload-expires").is_none(), first == length, "{path}");
        assert_eq!(offset(&world, &url).await, first, "{path}");
        send_rest(&world, &url, &body[..length], CHUNK).await;
        assert!(world.fetch(&tokens::target(path)).await.body == body[..length], "{path}");
        assert_eq!(world.keys("").await.len(), before + 1, "{path}");
    }
    world.stop().await;
}

#[tokio::test]
async fn the_s3_requests_of_a_chunk_do_not_grow_with_the_file() {
    let s3 = PlainS3::start().await;
    let world = s3.world(Vec::new()).await;
    let body = bytes(64 * MIB);
    for length in [12 * MIB, 64 * MIB] {
        let path = format!("u/{length}");
        let before = s3.requests();
        let url = create(&world, &path, length).await;
        assert_eq!(s3.requests() - before, 3);
        let (mut at, mut per_chunk) = (0, Vec::new());
        while at < length {
            let before = s3.requests();
            at = send(&world, &url, at, &body[at..at + CHUNK]).await;
            per_chunk.push(s3.requests() - before);
        }
        let last = per_chunk.pop().unwrap();
        let expected: Vec<u64> = [2, 4].into_iter().cycle().take(per_chunk.len()).collect();
        assert_eq!((per_chunk, last), (expected, 6), "{length}");
        let before = s3.requests();
        offset(&world, &url).await;
        assert_eq!(s3.requests() - before, 2, "a finished one: nothing waits, and the file is there");
        assert!(world.fetch(&tokens::target(&path)).await.body == body[..length]);
    }
    world.stop().await;
    s3.stop().await;
}

#[tokio::test]
async fn an_s3_elsewhere_is_as_good() {
    let s3 = PlainS3::start().await;
    let world = s3.world(Vec::new()).await;
    let body = bytes(9 * MIB);
    let url = create(&world, "u/a", body.len()).await;
    send_rest(&world, &url, &body, CHUNK).await;
    assert!(world.fetch("/upload/u/a").await.body == body);
    assert!(world.storage().head(&path("u/a")).await.unwrap().is_some());
    world.stop().await;
    s3.stop().await;
}

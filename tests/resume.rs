//! Resumable uploads by the tus protocol: what is stored, and how an upload goes on.

mod faults;
mod pieces;
mod protocol;
mod races;
mod refusals;

use satchel_aws::storage::resumable::{incomplete::Draft, multipart::Multipart, pieces::Pieces, progress::Progress};
use satchel_core::{secret::Secrets, time::Timestamp};
use satchel_resume::session::Session;
use serde_json::json;

use crate::support::{
    Answer, PlainS3, Request, Setup, World, bytes, path,
    tokens::{self, bearer, claims},
};

const NOW: u64 = 1_612_113_200;
const MIB: usize = 1024 * 1024;
/// What a client is told to send at once.
const CHUNK: usize = 4 * MIB;
const CHUNK_TYPE: &str = "application/offset+octet-stream";

/// The target of an upload's token, below the other route.
fn target(upload_target: &str) -> String {
    upload_target.replacen("/upload/", "/resume/", 1)
}

fn tus(method: &str, target: &str) -> Request {
    Request::new(method, target).header("Tus-Resumable", "1.0.0")
}

fn post(path: &str, length: usize) -> Request {
    tus("POST", &target(&tokens::v1(path, length))).header("Upload-Length", length.to_string())
}

fn patch(url: &str, offset: usize, chunk: &[u8]) -> Request {
    let request = tus("PATCH", url).header("Upload-Offset", offset.to_string());
    request.header("Content-Type", CHUNK_TYPE).body(chunk)
}

/// Where `Location` leads from where the upload was created.
fn resolved(created_at: &str, answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{answer:?}");
    let base: url::Url = format!("http://host{created_at}").parse().unwrap();
    base.join(answer.header("location").unwrap()).unwrap()[url::Position::BeforePath..].to_owned()
}

/// Begins an upload with a v1 token; gives its URL.
async fn create(world: &World, path: &str, length: usize) -> String {
    resolved(&target(&tokens::v1(path, length)), &world.send(&post(path, length)).await)
}

/// Sends a chunk that must be taken; gives the new offset.
async fn send(world: &World, url: &str, offset: usize, chunk: &[u8]) -> usize {
    let answer = world.send(&patch(url, offset, chunk)).await;
    assert_eq!((answer.status, answer.body.len()), (204, 0), "{answer:?} {}", String::from_utf8_lossy(&answer.body));
    offset_of(&answer)
}

fn offset_of(answer: &Answer) -> usize {
    answer.header("upload-offset").unwrap_or_else(|| panic!("{answer:?}")).parse().unwrap()
}

/// The offset that HEAD tells.
async fn offset(world: &World, url: &str) -> usize {
    let answer = world.send(&tus("HEAD", url)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    offset_of(&answer)
}

/// Sends all of `body` that is not there yet, in chunks of one size.
async fn send_rest(world: &World, url: &str, body: &[u8], chunk: usize) {
    let mut at = offset(world, url).await;
    while at < body.len() {
        at = send(world, url, at, &body[at..(at + chunk).min(body.len())]).await;
    }
}

/// What an upload's signed id says.
fn session(world: &World, url: &str, at: &str) -> Session {
    let signed = url.split("upload=").nth(1).unwrap();
    let secrets = Secrets::parse(&world.variable("SATCHEL_UPLOAD_SECRETS")).unwrap();
    Session::verify(signed, &[path(at)], &secrets, Timestamp::from_seconds(0)).unwrap()
}

/// An S3, a stack on it, and one on its own folder.
async fn everywhere() -> (PlainS3, [(&'static str, World); 2]) {
    let s3 = PlainS3::start().await;
    let elsewhere = s3.world(Vec::new()).await;
    (s3, [("folder", World::new().await), ("another S3", elsewhere)])
}

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
async fn the_session_token_resumes_at_the_original_url() {
    let world = World::new().await;
    let original = target(&tokens::v1("u/a", 5));
    let created = world.send(&post("u/a", 5)).await;
    let token = created.header("x-session-token").unwrap().to_owned();
    assert!(created.header("location").unwrap().ends_with(&token));
    let with = |method: &str| tus(method, &original).header("X-Session-Token", token.as_str());
    let chunk = |offset: &str| with("PATCH").header("Content-Type", CHUNK_TYPE).header("Upload-Offset", offset);
    assert_eq!(world.send(&chunk("0").body(b"hel")).await.status, 204);
    assert_eq!(offset_of(&world.send(&with("HEAD")).await), 3);
    assert_eq!(world.send(&tus("HEAD", &original)).await.status, 404, "without it there is no upload");
    assert_eq!(world.send(&chunk("3").body(b"lo")).await.status, 204);
    assert_eq!(world.fetch("/upload/u/a").await.body, b"hello");
    assert_eq!(world.send(&with("DELETE")).await.status, 204);
    assert_eq!(world.send(&with("HEAD")).await.status, 410);

    // Where the token, at the end of the path or not, names another file than the path.
    let jwt = bearer(&claims("s", "f", 5, "", 4_000_000_000));
    let in_path = format!("/resume/s/f/{}", jwt.strip_prefix("Bearer ").unwrap());
    let by_header = tus("POST", "/resume/s/x/y").header("Authorization", jwt).header("Upload-Length", "5");
    for (original, creation) in
        [(in_path.as_str(), tus("POST", &in_path).header("Upload-Length", "5")), ("/resume/s/x/y", by_header)]
    {
        let created = world.send(&creation).await;
        let token = created.header("x-session-token").unwrap();
        for url in [original.to_owned(), resolved(original, &created)] {
            let found = world.send(&tus("HEAD", &url).header("X-Session-Token", token)).await;
            assert_eq!((found.status, offset_of(&found)), (200, 0), "{url}");
        }
        assert!(resolved(original, &created).starts_with("/resume/s/f?upload="));
    }
    world.stop().await;
}

#[tokio::test]
async fn an_upload_survives_a_restart_and_the_change_of_the_secret() {
    let world = World::new().await;
    let body = bytes(11 * MIB);
    let url = create(&world, "u/a", body.len()).await;
    let at = send(&world, &url, 0, &body[..CHUNK]).await;
    let at = send(&world, &url, at, &body[at..at + CHUNK]).await;
    let secrets = |lines: String| Setup { variables: vec![("SATCHEL_UPLOAD_SECRETS", lines)], ..Setup::default() };
    let world = world.restart_with(secrets("newer secret\nnew secret".into())).await;
    assert_eq!(offset(&world, &url).await, at);
    let world = world.restart_with(secrets("newer secret".into())).await;
    assert_eq!(world.send(&tus("HEAD", &url)).await.status, 404, "dropping a secret ends what it has signed");
    let world = world.restart().await;
    send_rest(&world, &url, &body, CHUNK).await;
    assert!(world.fetch("/upload/u/a").await.body == body);
    world.stop().await;
}

#[tokio::test]
async fn a_finished_upload_still_says_so() {
    let world = World::new().await;
    let url = create(&world, "u/a", 5).await;
    send(&world, &url, 0, b"hello").await;
    assert_eq!(offset(&world, &url).await, 5, "for the client that never heard of its last chunk");
    assert_eq!(send(&world, &url, 5, b"").await, 5);
    let again = world.send(&patch(&url, 3, b"lo")).await;
    assert_eq!((again.status, again.code().as_str()), (409, "offset_mismatch"));
    assert_eq!(world.send(&patch(&url, 5, b"!")).await.code(), "chunk_too_long");
    assert_eq!(world.fetch("/upload/u/a").await.body, b"hello", "a file never changes");
    world.stop().await;
}

#[tokio::test]
async fn a_terminated_upload_leaves_nothing() {
    let (s3, worlds) = everywhere().await;
    let body = bytes(10 * MIB);
    for (place, world) in worlds {
        let url = create(&world, "u/a", body.len()).await;
        let at = send(&world, &url, 0, &body[..CHUNK]).await;
        let at = send(&world, &url, at, &body[at..at + CHUNK]).await;
        assert_eq!(send(&world, &url, at, &body[at..at + 1]).await, at + 1);
        assert_eq!(world.send(&tus("DELETE", &url)).await.status, 204);
        assert!(world.is_empty().await, "{place}");
        assert_eq!(world.unfinished().await, 0, "{place}");
        for request in [tus("HEAD", &url), patch(&url, at + 1, b"x"), tus("DELETE", &url)] {
            assert_eq!(world.send(&request).await.status, 410, "{place}");
        }
        // The path is free again.
        assert_eq!(world.put(&tokens::v1("u/a", 5), b"hello").await.status, 201);
        world.stop().await;
    }
    assert_eq!((s3.count("UploadPart"), s3.count("AbortMultipartUpload")), (1, 1));
    s3.stop().await;
}

#[tokio::test]
async fn a_token_holds_the_space_of_one_upload_however_often_it_is_used() {
    let (s3, worlds) = everywhere().await;
    for (place, world) in worlds {
        one_upload(place, &world).await;
        world.stop().await;
    }
    s3.stop().await;
}

async fn one_upload(place: &str, world: &World) {
    let (is_here, body, mut urls) = (place == "folder", bytes(12 * MIB), Vec::new());
    for _ in 0..20 {
        let url = create(world, "u/a", body.len()).await;
        send_rest(world, &url, &body[..2 * CHUNK], CHUNK).await;
        // On S3 an object beside it says how far it is.
        assert_eq!((world.unfinished().await, world.keys("").await.len()), (1, usize::from(!is_here)));
        urls.push(url);
    }
    if is_here {
        let metrics = String::from_utf8(world.get("/metrics").await.body).unwrap();
        let unfinished = metrics.lines().find(|line| line.contains("storage_bytes{area=\"unfinished\"}")).unwrap();
        assert_eq!(unfinished.rsplit(' ').next().unwrap().parse::<usize>().unwrap(), 2 * CHUNK);
    }
    let last = urls.pop().unwrap();
    for url in &urls {
        for request in [tus("HEAD", url), patch(url, 2 * CHUNK, &body[2 * CHUNK..]), tus("DELETE", url)] {
            let answer = world.send(&request).await;
            assert_eq!((answer.status, answer.header("upload-offset")), (410, None));
        }
    }
    send_rest(world, &last, &body, CHUNK).await;
    assert!(world.fetch("/upload/u/a").await.body == body);
    assert_eq!((world.unfinished().await, world.keys("").await.len()), (0, 1));
}

#[tokio::test]
async fn another_token_for_the_path_takes_its_place_as_well() {
    let world = World::new().await;
    let first = create(&world, "u/a", 5).await;
    send(&world, &first, 0, b"hel").await;
    let second = create(&world, "u/a", 6).await;
    assert_eq!(world.send(&patch(&first, 3, b"lo")).await.code(), "upload_gone");
    assert_eq!(offset(&world, &second).await, 0, "begun anew");
    send(&world, &second, 0, b"worlds").await;
    assert_eq!(world.fetch("/upload/u/a").await.body, b"worlds");
    world.stop().await;
}

#[tokio::test]
async fn the_first_file_at_a_path_stays() {
    let world = World::new().await;
    let url = create(&world, "u/a", 5).await;
    world.store("u/a", b"first").await;
    let late = world.send(&patch(&url, 0, b"later")).await;
    assert_eq!((late.status, late.code().as_str()), (409, "file_exists"));
    assert_eq!(world.fetch("/upload/u/a").await.body, b"first");
    assert_eq!(world.send(&tus("HEAD", &url)).await.status, 410);
    assert_eq!(world.keys("").await, ["uploads/u/a"]);
    for creation in [post("u/a", 5), post("u/a", 5).header("Content-Type", CHUNK_TYPE).body(b"later")] {
        assert_eq!(world.send(&creation).await.code(), "file_exists");
    }
    world.stop().await;
}

/// A function that was killed between two of its S3 requests: whoever comes next finishes.
#[tokio::test]
async fn what_an_interrupted_request_has_left_is_finished_by_the_next() {
    let s3 = PlainS3::start().await;
    let world = s3.world(Vec::new()).await;
    let (storage, body) = (world.storage(), bytes(12 * MIB));
    let leave = async |url: &str, at: &str, progress: Progress, waiting: &[u8]| {
        let session = session(&world, url, at);
        let upload = Multipart { grant: &session.grant, id: session.partial.as_ref().unwrap() };
        let found = storage.incomplete(upload).await.unwrap();
        let (metadata, version) = found.map(|found| (found.metadata, found.version)).unzip();
        let draft = Draft::new(progress, metadata.unwrap_or_default(), Pieces::of(waiting)).unwrap();
        storage.write_incomplete(upload, &draft, version.as_ref()).await.unwrap().unwrap();
    };
    let all = Progress::default().extended(body.len() as u64);

    let url = create(&world, "u/part", body.len()).await;
    leave(&url, "u/part", Progress::default().extended(6 * MIB as u64), &body[..6 * MIB]).await;
    assert_eq!(offset(&world, &url).await, 6 * MIB, "waiting bytes count, whether they are a part or not");
    send_rest(&world, &url, &body, CHUNK).await;
    assert!(world.fetch("/upload/u/part").await.body == body);

    let url = create(&world, "u/head", body.len()).await;
    leave(&url, "u/head", all, &body).await;
    assert_eq!(world.get("/upload/u/head").await.status, 404);
    assert_eq!(offset(&world, &url).await, body.len());
    assert!(world.fetch("/upload/u/head").await.body == body, "HEAD has finished it");

    let url = create(&world, "u/patch", body.len()).await;
    leave(&url, "u/patch", all, &body).await;
    assert_eq!(send(&world, &url, body.len(), b"").await, body.len());
    assert!(world.fetch("/upload/u/patch").await.body == body, "an empty chunk at the end has, too");

    // Finished, but not forgotten.
    leave(&url, "u/patch", all, &body).await;
    assert_eq!(offset(&world, &url).await, body.len());
    assert!(world.keys("resuming/").await.is_empty());
    world.stop().await;
    s3.stop().await;
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

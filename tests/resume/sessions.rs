//! How an upload goes on: where it is known, what takes its place, and how it ends.

use satchel_aws::storage::resumable::{incomplete::Draft, multipart::Multipart, pieces::Pieces, progress::Progress};
use satchel_core::{secret::Secrets, time::Timestamp};
use satchel_resume::session::Session;

use crate::support::{
    PlainS3, Setup, World, bytes, path,
    stores::everywhere,
    tokens::{self, bearer, claims},
    tus::{CHUNK, CHUNK_TYPE, MIB, create, offset, offset_of, patch, post, resolved, send, send_rest, target, tus},
};

/// What an upload's signed id says.
fn session(world: &World, url: &str, at: &str) -> Session {
    let signed = url.split("upload=").nth(1).unwrap();
    let secrets = Secrets::parse(&world.variable("SATCHEL_UPLOAD_SECRETS")).unwrap();
    Session::verify(signed, &[path(at)], &secrets, Timestamp::from_seconds(0)).unwrap()
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

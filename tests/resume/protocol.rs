//! What the protocol promises of an upload beyond its bytes: what its client has said, where it is, and its end.

use satchel_aws::state::State;
use satchel_core::config::FromEnvironment;
use satchel_resume::ResumeConfig;
use satchel_telemetry::clock::Clock;
use serde_json::Value;

use crate::support::{
    PlainS3, Request, Setup, World, bytes, invoked,
    stores::everywhere,
    tokens,
    tus::{CHUNK_TYPE, MIB, create, post, resolved, send, send_rest, target, tus},
};

fn public(url: &str) -> Setup {
    Setup { variables: vec![("SATCHEL_PUBLIC_URL", url.into())], ..Setup::default() }
}

/// HEAD's `Upload-Metadata`, of an upload that there is.
async fn said(world: &World, url: &str) -> Option<String> {
    let found = world.send(&tus("HEAD", url)).await;
    assert_eq!(found.status, 200, "{found:?}");
    found.header("upload-metadata").map(str::to_owned)
}

#[tokio::test]
async fn what_a_client_says_of_its_file_is_said_again_as_long_as_its_upload_is_known() {
    let s3 = PlainS3::start().await;
    for world in [World::new().await, s3.world(Vec::new()).await] {
        for (name, metadata) in [
            ("usual", "filename d29ybGQ=,filetype dGV4dC9wbGFpbg,is_confidential".to_owned()),
            ("as long as can be", format!("filename {}", "YWJj".repeat(472))),
        ] {
            let path = format!("u/{name}/{}.txt", "x".repeat(200));
            let request = |path: &str| post(path, 5).header("Upload-Metadata", metadata.as_str());
            let at = |path: &str| target(&tokens::v1(path, 5));
            let url = resolved(&at(&path), &world.send(&request(&path)).await);
            for (offset, chunk) in [(0, b"hel".as_slice()), (3, b"lo")] {
                assert_eq!(said(&world, &url).await.as_ref(), Some(&metadata), "{name} at {offset}");
                send(&world, &url, offset, chunk).await;
            }
            assert_eq!(said(&world, &url).await.as_ref(), Some(&metadata), "{name}, a file");

            let path = format!("w/{path}");
            let whole = request(&path).header("Content-Type", CHUNK_TYPE).body(b"hello");
            let url = resolved(&at(&path), &world.send(&whole).await);
            assert_eq!(said(&world, &url).await.as_ref(), Some(&metadata), "{name}, which came as a whole");
        }
        let url = create(&world, "u/silent", 5).await;
        send(&world, &url, 0, b"hello").await;
        assert_eq!(said(&world, &url).await, None);
        world.stop().await;
    }
    s3.stop().await;
}

#[tokio::test]
async fn whoever_has_uploaded_a_file_may_delete_it_and_no_other() {
    let (s3, worlds) = everywhere().await;
    for (_, world) in worlds {
        deletes_its_own_alone(&s3, &world).await;
        world.stop().await;
    }
    s3.stop().await;
}

async fn deletes_its_own_alone(s3: &PlainS3, world: &World) {
    let whole = post("u/a", 5).header("Content-Type", CHUNK_TYPE).body(b"hello");
    let at = target(&tokens::v1("u/a", 5));
    for come in ["in chunks", "as a whole"] {
        let url = match come {
            "in chunks" => {
                let url = create(world, "u/a", 5).await;
                send_rest(world, &url, b"hello", 3).await;
                url
            }
            _ => resolved(&at, &world.send(&whole).await),
        };
        assert_eq!(world.fetch("/upload/u/a").await.body, b"hello");
        let forged = world.send(&tus("DELETE", &url.replace("upload=", "upload=x"))).await;
        assert_eq!((forged.status, world.fetch("/upload/u/a").await.status), (404, 200), "{come}");
        let before = s3.requests();
        assert_eq!(world.send(&tus("DELETE", &url)).await.status, 204, "{come}");
        assert!(s3.requests() - before <= 3, "{come}");
        assert_eq!(world.get("/upload/u/a").await.status, 404, "{come}");
        assert!(world.is_empty().await, "{come}");
        for method in ["HEAD", "DELETE"] {
            assert_eq!(world.send(&tus(method, &url)).await.status, 410, "{come}: {method}");
        }
        // The same bytes at the same address, from somebody else.
        world.store("u/a", b"hello").await;
        assert_eq!(world.send(&tus("DELETE", &url)).await.code(), "upload_gone", "{come}");
        assert_eq!(world.fetch("/upload/u/a").await.body, b"hello", "{come}");
        world.remove("uploads/u/a").await;
    }
}

#[tokio::test]
async fn the_first_address_of_an_upload_is_absolute() {
    for (public_url, host, base) in [
        (None, "files.example:8080", "http://files.example:8080/resume/"),
        (Some("https://files.example.org/upload/"), "127.0.0.1", "https://files.example.org/resume/"),
        (Some("https://x.example/files/upload"), "127.0.0.1:8080", "https://x.example/files/resume/"),
        (Some("https://share.example/"), "127.0.0.1", "https://share.example/resume/"),
    ] {
        let world = World::with(public_url.map_or_else(Setup::default, public)).await;
        let address = world.stack.address().to_string();
        let created = post("u/a b", 5).send_as(&address, host).await;
        let location = created.header("location").unwrap();
        assert!(location.starts_with(&format!("{base}u/a%20b?upload=")), "{public_url:?}: {location}");
        world.stop().await;
    }
    let proxy = Setup { variables: vec![("SATCHEL_TRUSTED_PROXIES", "127.0.0.1".into())], ..Setup::default() };
    let world = World::with(proxy).await;
    let created = world.send(&post("u/a", 5).header("X-Forwarded-Proto", "https")).await;
    let own = format!("https://{}/resume/u/a?upload=", world.stack.address());
    assert!(created.header("location").unwrap().starts_with(&own), "{created:?}");
    world.stop().await;
}

/// The events of infra/events, of each kind of API and of a Function URL.
#[tokio::test]
async fn behind_an_api_the_first_address_is_the_apis() {
    let world = World::with_s3().await;
    let config = |public_url: Option<&str>| {
        ResumeConfig::parse(|name| match name {
            "SATCHEL_PUBLIC_URL" => public_url.map(str::to_owned),
            "SATCHEL_UPLOAD_SECRETS" => Some("a secret for trying things out".into()),
            name => Some(world.variable(name)),
        })
    };
    let api = "https://abcdefghij.execute-api.eu-central-1.amazonaws.com";
    for (kind, event, base) in [
        ("rest", include_str!("../../infra/events/resume-rest.json"), format!("{api}/prod/resume/")),
        ("http", include_str!("../../infra/events/resume-http.json"), format!("{api}/resume/")),
        (
            "url",
            include_str!("../../infra/events/resume-url.json"),
            "https://abcdefghijklmnopqrstuvwxyz234567.lambda-url.eu-central-1.on.aws/resume/".to_owned(),
        ),
    ] {
        let public_url = "https://files.example.org/upload/";
        for (public_url, base) in [(None, base.as_str()), (Some(public_url), "https://files.example.org/resume/")] {
            let state = State::new(config(public_url).unwrap(), &world.sdk(), Clock::System);
            let event: Value = serde_json::from_str(event).unwrap();
            let created = {
                let (head, body) = invoked(&event);
                satchel_resume::handle(&state, head, body).await.response
            };
            assert_eq!(created.status(), 201, "{kind}");
            let header = |name: &str| created.headers()[name].to_str().unwrap().to_owned();
            let location = header("location");
            assert!(location.starts_with(&format!("{base}demo/resumed-{kind}.txt?upload=")), "{location}");
            assert_eq!(header("upload-limit"), "max-size=5368709120, max-append-size=4669440");
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn below_a_prefix_of_the_public_url_uploads_go_on_at_either_address() {
    let world = World::with(public("https://x.example/files/upload/")).await;
    let body = bytes(MIB);
    let created = world.send(&post("u/a", body.len())).await;
    let url = resolved("/resume/u/a", &created);
    assert!(url.starts_with("/files/resume/u/a?"));
    assert_eq!(send(&world, &url, 0, &body[..5]).await, 5);
    assert_eq!(send(&world, url.strip_prefix("/files").unwrap(), 5, &body[5..]).await, body.len());
    assert!(world.fetch("/upload/u/a").await.body == body);
    for target in ["/files/resume", "/files/resume/"] {
        assert_eq!(world.send(&Request::new("OPTIONS", target)).await.status, 204, "{target}");
    }
    world.stop().await;
}

//! DELETE: who may, and that nothing comes back.

use crate::support::{PlainS3, Request, Setup, World, follow_with, tokens};

#[tokio::test]
async fn metronomes_delete_needs_its_own_token() {
    let variables = vec![("SATCHEL_METRONOME_DELETE_SECRET", "the next one\ndelsecret".to_owned())];
    let world = World::with(Setup { variables, ..Setup::default() }).await;
    world.store("d/pic.png", b"hello").await;
    let delete = |target: String| Request::new("DELETE", &target);
    for (name, target, status, code) in [
        ("no token", tokens::target("d/pic.png"), 403, "token_missing"),
        ("the PUT's token", tokens::metronome("d/pic.png", 5, ""), 403, "mac_mismatch"),
        ("a v1 token", tokens::v1("d/pic.png", 5), 403, "token_missing"),
        ("another secret", tokens::metronome_delete("d/pic.png", "other"), 403, "mac_mismatch"),
        ("unknown file", tokens::metronome_delete("d/other", "delsecret"), 404, "file_not_found"),
    ] {
        let answer = world.send(&delete(target)).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{name}");
    }
    assert_eq!(world.fetch("/upload/d/pic.png").await.body, b"hello");
    let deleted = world.send(&delete(tokens::metronome_delete("d/pic.png", "delsecret"))).await;
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    assert_eq!(world.get("/upload/d/pic.png").await.status, 404);
    let again = world.send(&delete(tokens::metronome_delete("d/pic.png", "delsecret"))).await;
    assert_eq!(again.status, 404);
    let allowed = world.send(&Request::new("PATCH", "/upload/d/pic.png")).await;
    assert_eq!(allowed.header("allow"), Some("OPTIONS, HEAD, GET, PUT, DELETE"));
    world.stop().await;
}

/// One upload is sealed, two more wait: none of them comes back.
#[tokio::test]
async fn a_delete_reaches_every_upload_that_waits_to_be_sealed() {
    let s3 = PlainS3::start().await;
    let world = s3.world(vec![("SATCHEL_METRONOME_DELETE_SECRET", "delsecret".to_owned())]).await;
    for sealed in [false, true] {
        let announced = Request::new("PUT", &tokens::v1("u/b", 5)).header("X-Upload-Length", "5");
        let redirects = [world.send(&announced).await, world.send(&announced).await, world.send(&announced).await];
        for redirect in &redirects {
            assert_eq!(follow_with(redirect, "PUT", &[], b"hello").await.status, 200);
        }
        if sealed {
            assert_eq!(world.fetch("/upload/u/b").await.body, b"hello");
        }
        let delete = Request::new("DELETE", &tokens::metronome_delete("u/b", "delsecret"));
        assert_eq!(world.send(&delete).await.status, 204, "sealed: {sealed}");
        assert_eq!(world.get("/upload/u/b").await.status, 404, "sealed: {sealed}");
        assert!(world.is_empty().await, "sealed: {sealed}");
    }
    world.stop().await;
    s3.stop().await;
}

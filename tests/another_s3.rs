//! Stores that say they are S3 and keep no conditions.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::support::{
    PlainS3, Setup, World, bytes, elsewhere,
    proxy::{Fault, Proxy},
    s3_client, tokens,
};

/// Whether the operator was told.
fn is_said(world: &World) -> bool {
    world.lines.all().iter().any(|line| line["code"] == "conditions_ignored" && line["level"] == "WARN")
}

async fn page(world: &World) -> String {
    String::from_utf8(world.get("/_satchel/").await.body).unwrap()
}

#[tokio::test]
async fn a_store_that_keeps_conditions_is_found_out_without_a_trace() {
    let s3 = PlainS3::start().await;
    let world = s3.world(Vec::new()).await;
    assert!(!is_said(&world) && !page(&world).await.contains("ignores the conditions"));
    assert!(world.is_empty().await);
    world.stop().await;
    s3.stop().await;
}

#[tokio::test]
async fn a_store_that_ignores_conditions_is_said_to_and_looked_at_before_each_write() {
    let s3 = PlainS3::start().await;
    let client = s3_client(&format!("http://{}", s3.address()), "test", "test");
    let proxy = Proxy::start(s3.address(), client, |_, _| Fault::Unconditional).await;
    let variables = elsewhere(&proxy.address.to_string());
    let world = World::with(Setup { variables, ..Setup::default() }).await;
    assert!(is_said(&world) && page(&world).await.contains("ignores the conditions"));
    assert!(world.is_empty().await);
    for length in [5, 100_000] {
        let (path, body) = (format!("u/{length}"), bytes(length));
        world.store(&path, &body).await;
        let other: Vec<u8> = body.iter().map(|byte| !byte).collect();
        let answer = world.put(&tokens::v2(&path, length, ""), &other).await;
        assert_eq!((answer.status, answer.code().as_str()), (409, "file_exists"), "{length}");
        assert_eq!(world.put(&tokens::v1(&path, length), &body).await.status, 201, "{length}: the same once more");
        assert!(world.fetch(&tokens::target(&path)).await.body == body, "{length}");
    }
    world.stop().await;
    proxy.stop();
    s3.stop().await;
}

#[tokio::test]
async fn a_store_that_is_not_up_yet_is_found_out_later() {
    let (s3, is_up) = (PlainS3::start().await, Arc::new(AtomicBool::new(false)));
    let (client, up) = (s3_client(&format!("http://{}", s3.address()), "test", "test"), Arc::clone(&is_up));
    let proxy = Proxy::start(s3.address(), client, move |_, _| match up.load(Ordering::Relaxed) {
        true => Fault::Unconditional,
        false => Fault::Refuse(500, "InternalError"),
    });
    let proxy = proxy.await;
    let variables = elsewhere(&proxy.address.to_string());
    let world = World::with(Setup { variables, s3_patience: Some(Duration::ZERO), ..Setup::default() }).await;
    assert!(!is_said(&world));
    assert_eq!(world.lines.of_code("storage_unavailable").await["level"], "WARN");
    is_up.store(true, Ordering::Relaxed);
    world.lines.of_code("conditions_ignored").await;
    world.store("u/a", b"hello").await;
    world.stop().await;
    proxy.stop();
    s3.stop().await;
}

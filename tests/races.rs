//! Many clients at once.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::support::{Request, World, bytes, tokens};

/// Sends all bodies to one path at the same time; gives the winner's body.
async fn race(world: &Arc<World>, path: &str, bodies: Vec<Vec<u8>>) -> Vec<u8> {
    let mut requests = JoinSet::new();
    for body in bodies {
        let (world, request) = (Arc::clone(world), Request::new("PUT", &tokens::v1(path, body.len())).body(&body));
        requests.spawn(async move { (world.send(&request).await.status, body) });
    }
    let answers = requests.join_all().await;
    let losers = answers.iter().filter(|(status, _)| *status == 409).count();
    let winners: Vec<_> = answers.iter().filter(|(status, _)| *status == 201).collect();
    assert_eq!((winners.len(), losers), (1, answers.len() - 1), "{path}");
    winners[0].1.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_50_puts_of_one_path_exactly_one_wins_50_times() {
    let world = Arc::new(World::new().await);
    for round in 0..50 {
        let path = format!("round/{round}");
        let winner =
            race(&world, &path, (0..50).map(|client| format!("client {client:02}").into_bytes()).collect()).await;
        assert_eq!(world.fetch(&tokens::target(&path)).await.body, winner, "{path}");
    }
    Arc::into_inner(world).unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_and_small_uploads_of_one_path_have_one_winner() {
    let world = Arc::new(World::new().await);
    for round in 0..4 {
        let path = format!("round/{round}");
        let bodies = (0..6).map(|client| {
            let mut body = bytes(if client % 2 == 0 { 5_000_000 } else { 70_000 });
            body[0] = client;
            body
        });
        let winner = race(&world, &path, bodies.collect()).await;
        assert!(world.fetch(&tokens::target(&path)).await.body == winner, "{path}");
    }
    assert!(world.keys("incoming/").await.is_empty(), "losers are discarded");
    Arc::into_inner(world).unwrap().stop().await;
}

//! Many requests of one upload at once: one is taken, the others change nothing.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::support::{
    Answer, Request, World, bytes, tokens,
    tus::{CHUNK, MIB, create, offset, offset_of, patch, post, resolved, send, send_rest, target, tus},
};

/// Sends all requests at the same time.
async fn at_once(world: &Arc<World>, requests: Vec<Request>) -> Vec<Answer> {
    let mut sent = JoinSet::new();
    for (number, request) in requests.into_iter().enumerate() {
        let world = Arc::clone(world);
        sent.spawn(async move { (number, world.send(&request).await) });
    }
    let mut answers = sent.join_all().await;
    answers.sort_by_key(|(number, _)| *number);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// The number of the one request that was taken.
fn winner(answers: &[Answer], name: &str) -> usize {
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    let winners: Vec<usize> = (0..answers.len()).filter(|number| statuses[*number] == 204).collect();
    assert_eq!(winners.len(), 1, "{name}: {statuses:?}");
    for answer in answers.iter().filter(|answer| answer.status != 204) {
        assert_eq!(answer.status, 409, "{name}: {statuses:?}");
        assert!(["offset_mismatch", "upload_overtaken"].contains(&answer.code().as_str()), "{name}");
    }
    winners[0]
}

/// Bodies that differ from each other in every byte.
fn contender(number: usize, length: usize) -> Vec<u8> {
    bytes(length).iter().map(|byte| byte.wrapping_add(u8::try_from(number).unwrap() + 1)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_chunks_at_once_one_is_taken_and_nothing_is_mixed() {
    let world = Arc::new(World::new().await);
    for (name, contenders, chunk, rounds) in
        [("two that wait or become parts", 2, CHUNK, 6), ("twenty small ones", 20, 1_000, 6), ("six", 6, 2 * MIB, 6)]
    {
        let length = chunk * rounds + 7;
        let url = create(&world, &format!("u/{name}"), length).await;
        let mut expected = Vec::new();
        while expected.len() < length {
            let at = expected.len();
            let size = chunk.min(length - at);
            let bodies: Vec<Vec<u8>> = (0..contenders).map(|number| contender(number, size)).collect();
            let answers = at_once(&world, bodies.iter().map(|body| patch(&url, at, body)).collect()).await;
            expected.extend_from_slice(&bodies[winner(&answers, name)]);
            assert_eq!(offset(&world, &url).await, expected.len(), "{name}");
        }
        assert!(world.fetch(&tokens::target(&format!("u/{name}"))).await.body == expected, "{name}");
    }
    Arc::into_inner(world).unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_of_different_sizes_do_not_mix_either() {
    let world = Arc::new(World::new().await);
    let length = 15 * MIB;
    let url = create(&world, "u/a", length).await;
    let mut expected = Vec::new();
    while expected.len() < length {
        let at = expected.len();
        let bodies: Vec<Vec<u8>> = [CHUNK, 3 * MIB, 2 * MIB]
            .into_iter()
            .enumerate()
            .map(|(n, size)| contender(n, size.min(length - at)))
            .collect();
        let answers = at_once(&world, bodies.iter().map(|body| patch(&url, at, body)).collect()).await;
        expected.extend_from_slice(&bodies[winner(&answers, "sizes")]);
    }
    assert!(world.fetch("/upload/u/a").await.body == expected);
    Arc::into_inner(world).unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_while_the_last_chunk_is_sent_sees_no_half_file() {
    let world = Arc::new(World::new().await);
    let body = bytes(6 * MIB);
    for round in 0..10 {
        let path = format!("u/{round}");
        let url = create(&world, &path, body.len()).await;
        send(&world, &url, 0, &body[..CHUNK]).await;
        let mut requests = vec![patch(&url, CHUNK, &body[CHUNK..])];
        requests.extend((0..5).map(|_| tus("HEAD", &url)));
        let answers = at_once(&world, requests).await;
        assert_eq!(answers[0].status, 204, "{:?}", answers[0]);
        for asked in &answers[1..] {
            assert_eq!(asked.status, 200);
            assert!([CHUNK, body.len()].contains(&offset_of(asked)));
        }
        assert!(world.fetch(&tokens::target(&path)).await.body == body);
        assert!(world.keys("resuming/").await.is_empty());
    }
    Arc::into_inner(world).unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_beside_a_chunk_is_an_end() {
    let world = Arc::new(World::new().await);
    let body = bytes(9 * MIB);
    // Every other time it is the last one.
    for (round, length) in (0..20).zip([body.len(), 2 * CHUNK].into_iter().cycle()) {
        let url = create(&world, &format!("u/{round}"), length).await;
        send(&world, &url, 0, &body[..CHUNK]).await;
        let requests = vec![patch(&url, CHUNK, &body[CHUNK..2 * CHUNK]), tus("DELETE", &url)];
        let answers = at_once(&world, requests).await;
        assert_eq!(answers[1].status, 204, "{:?}", answers[1]);
        assert!([204, 409, 410].contains(&answers[0].status), "{:?}", answers[0]);
        assert_eq!(world.send(&tus("HEAD", &url)).await.status, 410);
        assert!(world.is_empty().await);
    }
    Arc::into_inner(world).unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_uploads_of_one_path_one_becomes_the_file() {
    let world = Arc::new(World::new().await);
    for round in 0..5 {
        let path = format!("u/{round}");
        let created = at_once(&world, (0..8).map(|_| post(&path, 10)).collect()).await;
        let at = target(&tokens::v1(&path, 10));
        let urls: Vec<String> = created.iter().map(|answer| resolved(&at, answer)).collect();
        assert_eq!(world.unfinished().await, 1);
        for halves in [0, 5] {
            let chunk = |(number, url): (usize, &String)| patch(url, halves, &contender(number, 5));
            let answers = at_once(&world, urls.iter().enumerate().map(chunk).collect()).await;
            let winners: Vec<usize> = (0..8).filter(|number| answers[*number].status == 204).collect();
            assert_eq!(winners.len(), 1);
            assert!(answers.iter().all(|answer| answer.status == 204 || answer.code() == "upload_gone"));
            if halves == 5 {
                let half = contender(winners[0], 5);
                assert_eq!(world.fetch(&tokens::target(&path)).await.body, [half.clone(), half].concat());
                send_rest(&world, &urls[winners[0]], &[0; 10], CHUNK).await;
            }
        }
        assert!(world.keys("resuming/").await.is_empty());
    }
    Arc::into_inner(world).unwrap().stop().await;
}

/// As a client does that has not heard of its creation, while its first request, or another client, still goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_creation_beside_a_chunk_mixes_nothing() {
    let world = Arc::new(World::new().await);
    let length = 6 * MIB;
    let [mine, other] = [contender(1, length), contender(2, length)];
    for round in 0..10 {
        let path = format!("u/{round}");
        let url = create(&world, &path, length).await;
        // One byte waits, a part comes with the next, or the file itself.
        let [at, end] = [[0, 1], [1, length - 1], [2 * MIB, length]][round % 3];
        send_rest(&world, &url, &mine[..at], CHUNK).await;
        let mut answers =
            at_once(&world, vec![patch(&url, at, &mine[at..end.min(at + CHUNK)]), post(&path, length)]).await;
        let (created, chunk) = (answers.pop().unwrap(), answers.pop().unwrap());
        if created.status == 409 {
            assert_eq!((created.code().as_str(), chunk.status), ("file_exists", 204));
            assert!(world.fetch(&tokens::target(&path)).await.body == mine);
            continue;
        }
        let second = resolved(&target(&tokens::v1(&path, length)), &created);
        assert!([204, 409, 410].contains(&chunk.status), "{chunk:?}");
        if world.get(&tokens::target(&path)).await.status == 404 {
            assert_eq!(offset(&world, &second).await, 0, "nothing of the other upload");
            assert_eq!(world.send(&tus("HEAD", &url)).await.status, 410);
            send_rest(&world, &second, &other, CHUNK).await;
            assert!(world.fetch(&tokens::target(&path)).await.body == other);
        } else {
            assert!(world.fetch(&tokens::target(&path)).await.body == mine);
        }
    }
    Arc::into_inner(world).unwrap().stop().await;
}

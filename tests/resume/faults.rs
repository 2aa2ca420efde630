//! An S3 whose requests, or the answers to them, get lost at every point of a chunk's way: nothing that was acknowledged
//! is lost, nothing is mixed, and the upload goes on.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet, LocalSet},
};

use crate::support::{
    PlainS3, Setup, World, bytes, elsewhere, tokens,
    tus::{CHUNK, CHUNK_TYPE, MIB, create, offset, offset_of, patch, post, resolved, send_rest, target},
};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Loss {
    /// S3 never hears of it.
    Request,
    /// S3 has done it, and nobody hears.
    Answer,
}

/// Which of the next requests are lost.
#[derive(Debug, Clone, Copy)]
struct Fate {
    /// How many pass before the first that does not.
    spared: usize,
    /// How many are lost then.
    lost: usize,
    loss: Loss,
}

const HARMLESS: Fate = Fate { spared: usize::MAX, lost: 0, loss: Loss::Request };

/// A store behind a line that loses what it is told to lose.
struct Lossy {
    address: SocketAddr,
    fate: Arc<Mutex<Fate>>,
    served: JoinHandle<()>,
}

impl Lossy {
    async fn before(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, fate) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(HARMLESS)));
        let known = Arc::clone(&fate);
        let served = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass(stream, upstream, Arc::clone(&known)));
            }
        });
        Self { address, fate, served }
    }

    fn set(&self, fate: Fate) {
        *self.fate.lock().unwrap() = fate;
    }
}

/// One request and its answer; the connection ends with them. `None` where either side broke off.
async fn pass(mut client: TcpStream, upstream: SocketAddr, fate: Arc<Mutex<Fate>>) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.ok()?);
    }
    let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
    if text.contains("expect: 100-continue") {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.ok()?;
    }
    let length = text.split("\r\ncontent-length: ").nth(1).and_then(|rest| rest.split('\r').next()?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    client.read_exact(&mut body).await.ok()?;
    let loss = next(&fate);
    if loss == Some(Loss::Request) {
        return None;
    }
    head.truncate(head.len() - 2);
    head.extend_from_slice(b"Connection: close\r\n\r\n");
    let (mut reader, mut writer) = TcpStream::connect(upstream).await.ok()?.into_split();
    // A refusal may come, and the connection end, while the body is still being sent.
    let sending = tokio::spawn(async move { writer.write_all(&[head, body].concat()).await.map(|()| writer) });
    let mut answer = Vec::new();
    let _ = reader.read_to_end(&mut answer).await;
    sending.abort();
    if loss == Some(Loss::Answer) {
        return None;
    }
    client.write_all(&answer).await.ok()
}

fn next(fate: &Mutex<Fate>) -> Option<Loss> {
    let mut fate = fate.lock().unwrap();
    if fate.spared > 0 {
        fate.spared -= 1;
        return None;
    }
    let is_lost = fate.lost > 0;
    fate.lost -= usize::from(is_lost);
    is_lost.then_some(fate.loss)
}

/// What is sent while the line is bad, of an upload of 9 MiB.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// The creation, with a first chunk.
    First,
    /// The creation of an upload of 9 MiB in place of one that has a part.
    Anew,
    /// A chunk that waits.
    Waits,
    /// A chunk that makes a part.
    MakesPart,
    /// The last chunk.
    Last,
}

/// Sends one chunk with one fate; then, over a good line, the rest.
async fn suffer(step: Step, fate: Fate) {
    let name = format!("{step:?} {fate:?}");
    let (s3, body) = (PlainS3::start().await, bytes(9 * MIB));
    let line = Lossy::before(s3.address()).await;
    let world = World::with(Setup { variables: elsewhere(&line.address.to_string()), ..Setup::default() }).await;
    let first = post("u/a", body.len()).header("Content-Type", CHUNK_TYPE).body(&body[..1]);
    let created_at = target(&tokens::v1("u/a", body.len()));
    let (mut url, mut at) = (None, 0);
    if matches!(step, Step::Anew) {
        let created = create(&world, "u/a", body.len()).await;
        send_rest(&world, &created, &body[..2 * CHUNK], CHUNK).await;
    } else if !matches!(step, Step::First) {
        let created = create(&world, "u/a", body.len()).await;
        let before = match step {
            Step::First | Step::Anew | Step::Waits => 0,
            Step::MakesPart => CHUNK,
            Step::Last => 2 * CHUNK,
        };
        send_rest(&world, &created, &body[..before], CHUNK).await;
        (url, at) = (Some(created), before);
    }
    let chunk = &body[at..(at + CHUNK).min(body.len())];
    line.set(fate);
    let answer = match &url {
        Some(url) => world.send(&patch(url, at, chunk)).await,
        None => world.send(&first).await,
    };
    line.set(HARMLESS);
    let taken = [201, 204].contains(&answer.status);
    assert!(taken || answer.code() == "storage_unavailable", "{name}: {answer:?}");
    assert!(taken || fate.lost > 1, "{name}: one loss is made up for: {answer:?}");
    let url = match url {
        Some(url) => url,
        None if taken => resolved(&created_at, &answer),
        None => resolved(&created_at, &world.send(&first).await),
    };
    let known = offset(&world, &url).await;
    if taken {
        assert_eq!(known, offset_of(&answer), "{name}: what was acknowledged is there");
    } else if !matches!(step, Step::First | Step::Anew) {
        assert!([at, at + chunk.len()].contains(&known), "{name}: {known}");
    }
    send_rest(&world, &url, &body, CHUNK).await;
    assert!(world.fetch("/upload/u/a").await.body == body, "{name}");
    world.stop().await;
    line.served.abort();
    s3.stop().await;
}

/// Every request of a step is lost in turn, on its way or on the way back, once or from then on.
async fn suffer_all(step: Step, requests: usize) {
    let (local, mut cases) = (LocalSet::new(), JoinSet::new());
    for spared in 0..requests {
        for loss in [Loss::Request, Loss::Answer] {
            for lost in [1, usize::MAX] {
                cases.spawn_local_on(suffer(step, Fate { spared, lost, loss }), &local);
            }
        }
    }
    local.run_until(cases.join_all()).await;
}

#[tokio::test]
async fn a_creation_over_a_bad_line_loses_nothing() {
    suffer_all(Step::First, 3).await;
}

#[tokio::test]
async fn a_second_creation_over_a_bad_line_loses_nothing() {
    suffer_all(Step::Anew, 7).await;
}

#[tokio::test]
async fn a_chunk_that_waits_over_a_bad_line_is_not_lost() {
    suffer_all(Step::Waits, 2).await;
}

#[tokio::test]
async fn a_chunk_that_makes_a_part_over_a_bad_line_is_not_lost() {
    suffer_all(Step::MakesPart, 4).await;
}

#[tokio::test]
async fn a_last_chunk_over_a_bad_line_completes_the_file() {
    suffer_all(Step::Last, 6).await;
}

/// Pieces of a chunk of 11 MiB: those before the one that S3 does not take are kept, and whoever began the upload learns
/// where it is.
#[tokio::test]
async fn what_s3_has_taken_of_a_large_chunk_is_kept() {
    let (s3, body) = (PlainS3::start().await, bytes(11 * MIB));
    let line = Lossy::before(s3.address()).await;
    let world = World::with(Setup { variables: elsewhere(&line.address.to_string()), ..Setup::default() }).await;
    let url = create(&world, "u/a", body.len()).await;
    // The first piece becomes a part: GetObject, PutObject, UploadPart, PutObject.
    line.set(Fate { spared: 5, lost: usize::MAX, loss: Loss::Request });
    let answer = world.send(&patch(&url, 0, &body)).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "storage_unavailable"));
    line.set(HARMLESS);
    assert_eq!(offset(&world, &url).await, 5 * MIB);
    send_rest(&world, &url, &body, body.len()).await;
    assert!(world.fetch("/upload/u/a").await.body == body);

    // HeadObject, CreateMultipartUpload, PutObject.
    line.set(Fate { spared: 4, lost: usize::MAX, loss: Loss::Request });
    let creation = post("u/b", body.len()).header("Content-Type", CHUNK_TYPE).body(&body);
    let created = world.send(&creation).await;
    line.set(HARMLESS);
    assert_eq!(offset_of(&created), 5 * MIB);
    assert!(created.header("upload-expires").is_some());
    let url = resolved(&target(&tokens::v1("u/b", body.len())), &created);
    assert_eq!(offset(&world, &url).await, 5 * MIB);
    send_rest(&world, &url, &body, body.len()).await;
    assert!(world.fetch("/upload/u/b").await.body == body);
    world.stop().await;
    line.served.abort();
    s3.stop().await;
}

#[tokio::test]
async fn an_s3_that_is_down_is_503_and_nothing_else() {
    let world = World::with(Setup { variables: elsewhere("127.0.0.1:1"), ..Setup::default() }).await;
    let answer = world.send(&post("u/a", 5)).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "storage_unavailable"));
    assert!(answer.header("retry-after").is_some());
    world.stop().await;
}

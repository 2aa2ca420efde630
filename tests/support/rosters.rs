//! An app that owns its users' rosters, a Prosody that is only told of them, and an S3 that fails when it is told to.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::{Answer, PlainS3, Request, Setup, World, elsewhere};

const CREDENTIALS: &str = "app:new pass\nprosody:pass";

/// A stack that keeps rosters.
pub async fn world(extra: &[(&'static str, &str)]) -> World {
    with(extra.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()).await
}

/// The same over an S3 whose requests are counted.
pub async fn world_over_s3() -> World {
    let variables = vec![("SATCHEL_ROSTER_CREDENTIALS", CREDENTIALS.to_owned())];
    World::over_s3(Setup { variables, ..Setup::default() }).await
}

/// The same on another S3.
pub async fn world_at(s3: SocketAddr) -> World {
    with(elsewhere(&s3.to_string())).await
}

async fn with(mut variables: Vec<(&'static str, String)>) -> World {
    variables.push(("SATCHEL_ROSTER_CREDENTIALS", CREDENTIALS.to_owned()));
    World::with(Setup { variables, s3: true, ..Setup::default() }).await
}

/// A request with the app's credentials.
pub fn request(method: &str, target: &str) -> Request {
    Request::new(method, target).header("Authorization", basic("app:new pass"))
}

pub fn basic(pair: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(pair))
}

/// A request of the app's with a body.
pub fn with_json(method: &str, target: &str, body: &Value) -> Request {
    request(method, target).body(body.to_string().as_bytes())
}

pub async fn put(world: &World, target: &str, body: Value) -> Answer {
    world.send(&with_json("PUT", target, &body)).await
}

pub async fn delete(world: &World, target: &str) -> Answer {
    world.send(&request("DELETE", target)).await
}

/// A PUT that is expected to change what is there, or to put something there.
pub async fn store(world: &World, target: &str, body: Value) {
    let answer = put(world, target, body).await;
    assert!(matches!(answer.status, 201 | 204), "{target}: {answer:?}");
}

pub fn parsed(answer: &Answer) -> Value {
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{answer:?}");
    serde_json::from_slice(&answer.body).unwrap()
}

/// A roster as Prosody fetches it.
pub async fn roster(world: &World, user: &str) -> Value {
    parsed(&world.send(&request("GET", &format!("/contacts/{user}"))).await)
}

/// Takes refreshes as Prosody does; the test answers them.
pub struct Prosody {
    pub address: SocketAddr,
    posted: mpsc::UnboundedReceiver<Posted>,
    served: JoinHandle<()>,
}

/// A refresh that waits for its answer.
#[derive(Debug)]
pub struct Posted {
    pub head: String,
    pub usernames: Vec<String>,
    answer: oneshot::Sender<String>,
}

impl Posted {
    /// As mod_http_roster_admin answers.
    pub fn done(self) {
        let report =
            json!({"status": "ok", "message": "done", "updated": self.usernames.len(), "errors": 0}).to_string();
        let length = report.len();
        self.answer(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{report}"));
    }

    /// Any other way.
    pub fn answer(self, response: impl Into<String>) {
        let _ = self.answer.send(response.into());
    }
}

impl Prosody {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, posted) = mpsc::unbounded_channel();
        let served = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(take(stream, sender.clone()));
            }
        });
        Self { address, posted, served }
    }

    pub fn url(&self) -> String {
        format!("http://satchel:hunter2@{}/roster_admin/refresh", self.address)
    }

    /// The next refresh.
    pub async fn next(&mut self) -> Posted {
        self.posted.recv().await.unwrap()
    }

    pub fn stop(self) {
        self.served.abort();
    }
}

async fn take(mut stream: TcpStream, sender: mpsc::UnboundedSender<Posted>) {
    let Some((head, body)) = read_request(&mut stream).await else { return };
    let (answer, answered) = oneshot::channel();
    let usernames = serde_json::from_slice(&body).unwrap();
    let _ = sender.send(Posted { head: String::from_utf8(head).unwrap(), usernames, answer });
    if let Ok(response) = answered.await {
        let _ = stream.write_all(response.as_bytes()).await;
        let _ = stream.shutdown().await;
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let text = String::from_utf8_lossy(&head).to_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, body))
}

/// Which requests fail: a word that has to be in the first line, such as `PUT /satchel/rosters/b`.
type Failing = Arc<Mutex<Vec<String>>>;

/// An S3 with a gate before it that answers some requests with 500.
pub struct GatedS3 {
    pub address: SocketAddr,
    s3: PlainS3,
    failing: Failing,
    served: JoinHandle<()>,
}

impl GatedS3 {
    pub async fn start() -> Self {
        let s3 = PlainS3::start().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (failing, behind) = (Failing::default(), s3.address());
        let failing_here = Arc::clone(&failing);
        let served = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass(stream, behind, Arc::clone(&failing_here)));
            }
        });
        Self { address, s3, failing, served }
    }

    /// From now on these requests fail, and no others.
    pub fn fail(&self, requests: &[&str]) {
        *self.failing.lock().unwrap() = requests.iter().map(|&request| request.to_owned()).collect();
    }

    pub async fn stop(self) {
        self.served.abort();
        self.s3.stop().await;
    }
}

async fn pass(mut stream: TcpStream, behind: SocketAddr, failing: Failing) {
    let Some((head, body)) = read_request(&mut stream).await else { return };
    let head = String::from_utf8(head).unwrap();
    let line = head.lines().next().unwrap().to_owned();
    if failing.lock().unwrap().iter().any(|request| line.contains(request)) {
        let refusal = "HTTP/1.1 500 Broken\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        let _ = stream.write_all(refusal.as_bytes()).await;
        return;
    }
    let mut s3 = TcpStream::connect(behind).await.unwrap();
    let closing = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    s3.write_all(&[closing.as_bytes(), &body].concat()).await.unwrap();
    let _ = tokio::io::copy(&mut s3, &mut stream).await;
}

/// What becomes of a request that has waited for its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It is done, and answered.
    Done,
    /// S3 never hears of it.
    Lost,
    /// It is done, and nobody hears.
    AnswerLost,
}

/// A request that waits for its turn.
pub struct Waiting(oneshot::Sender<Turn>);

impl Waiting {
    /// Lets it go on.
    pub fn go(self, turn: Turn) {
        // Whoever sent it may have given up.
        let _ = self.0.send(turn);
    }
}

/// A gate before an S3, at which every request waits until the test lets it go on.
pub struct Turnstile {
    pub address: SocketAddr,
    waiting: mpsc::UnboundedReceiver<Waiting>,
    served: JoinHandle<()>,
}

impl Turnstile {
    pub async fn before(s3: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, waiting) = mpsc::unbounded_channel();
        let served = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(take_turn(stream, s3, sender.clone()));
            }
        });
        Self { address, waiting, served }
    }

    /// The next request that comes.
    pub async fn next(&mut self) -> Waiting {
        self.waiting.recv().await.unwrap()
    }

    pub fn stop(self) {
        self.served.abort();
    }
}

async fn take_turn(mut stream: TcpStream, s3: SocketAddr, sender: mpsc::UnboundedSender<Waiting>) -> Option<()> {
    let (head, body) = read_request(&mut stream).await?;
    let (turn, told) = oneshot::channel();
    sender.send(Waiting(turn)).ok()?;
    let turn = told.await.ok()?;
    if turn == Turn::Lost {
        return None;
    }
    let mut behind = TcpStream::connect(s3).await.ok()?;
    let closing = String::from_utf8(head).ok()?.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    behind.write_all(&[closing.as_bytes(), &body].concat()).await.ok()?;
    let mut answer = Vec::new();
    behind.read_to_end(&mut answer).await.ok()?;
    if turn == Turn::Done {
        stream.write_all(&answer).await.ok()?;
    }
    Some(())
}

//! A gate before an S3, at which a test says which request is next, and what becomes of it.

use std::net::SocketAddr;

use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::relay;

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
    let (head, body) = relay::read(&mut stream).await?;
    let (turn, told) = oneshot::channel();
    sender.send(Waiting(turn)).ok()?;
    let turn = told.await.ok()?;
    if turn == Turn::Lost {
        return None;
    }
    let answer = relay::pass(s3, &head, &body).await?;
    if turn == Turn::Done {
        stream.write_all(&answer).await.ok()?;
    }
    Some(())
}

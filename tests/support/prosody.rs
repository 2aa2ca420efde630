//! A Prosody that is only told whose rosters have changed.

use std::net::SocketAddr;

use serde_json::json;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::relay;

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
    let Some((head, body)) = relay::read(&mut stream).await else { return };
    let (answer, answered) = oneshot::channel();
    let usernames = serde_json::from_slice(&body).unwrap();
    let _ = sender.send(Posted { head, usernames, answer });
    if let Ok(response) = answered.await {
        let _ = stream.write_all(response.as_bytes()).await;
        let _ = stream.shutdown().await;
    }
}

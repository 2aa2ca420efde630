//! Giving a command, over the socket of the stack that has the folder open.

use std::{
    io::{self, ErrorKind},
    path::Path,
    time::Duration,
};

use bytes::Bytes;
use http::{StatusCode, header::HOST};
use http_body_util::{BodyExt, Empty};
use hyper::{Request, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use satchel_listener::connect_private;
use serde_json::Value;
use tokio::net::UnixStream;

use super::{said::Said, socket::socket};

/// A stack answers at once, however long it then takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a stack that is there has not carried a command out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    /// The socket is for others.
    #[error("its socket cannot be used: {0}; give the command as the user whom the stack runs as, or as root")]
    Socket(#[source] io::Error),
    /// It says nothing.
    #[error("it does not answer")]
    Silent,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Connection(#[from] hyper::Error),
    /// It says no.
    #[error("{0}")]
    Refused(String),
    /// It ended before it was done.
    #[error("it has ended before all was done; give the command again to go on")]
    BrokenOff,
    /// It says something else than what this program knows.
    #[error("its answer is not understood: {0}; use the `satchel` that the stack was started with")]
    NotUnderstood(#[from] serde_json::Error),
}

/// A stack that listens to commands.
pub(crate) struct RunningStack(UnixStream);

impl RunningStack {
    /// The one that has this data folder open, if any.
    ///
    /// # Errors
    /// Its socket is for others.
    pub async fn find(data: &Path) -> Result<Option<Self>, ControlError> {
        match connect_private(&socket(data)).await {
            Ok(stream) => Ok(Some(Self(stream))),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => Ok(None),
            Err(error) => Err(ControlError::Socket(error)),
        }
    }

    /// Gives a command and hears all that is said of it.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub async fn give(self, target: &str, hear: impl FnMut(Said)) -> Result<(), ControlError> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(self.0)).await?;
        let request = Request::post(target).header(HOST, "satchel").body(Empty::<Bytes>::new());
        let request = request.map_err(|error| ControlError::Refused(error.to_string()))?;
        let asking = async move {
            let answer = tokio::time::timeout(PATIENCE, sender.send_request(request)).await;
            let (head, body) = answer.map_err(|_| ControlError::Silent)??.into_parts();
            if head.status == StatusCode::OK { listen(body, hear).await } else { Err(refused(body).await?) }
        };
        // Whatever is wrong with the connection is told by the request on it.
        let (answered, _) = tokio::join!(asking, connection);
        answered
    }
}

async fn listen(mut body: Incoming, mut hear: impl FnMut(Said)) -> Result<(), ControlError> {
    let mut waiting = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Err(ControlError::BrokenOff) };
        waiting.extend_from_slice(&frame.into_data().unwrap_or_default());
        while let Some(end) = waiting.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = waiting.drain(..=end).collect();
            hear(serde_json::from_slice(&line)?);
        }
    }
    Ok(())
}

async fn refused(body: Incoming) -> Result<ControlError, ControlError> {
    let problem: Value = serde_json::from_slice(&body.collect().await?.to_bytes())?;
    Ok(ControlError::Refused(problem["detail"].as_str().unwrap_or("it says no more than no").to_owned()))
}

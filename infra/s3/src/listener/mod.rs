//! Accepting HTTP connections until told to stop, then letting the requests under way finish. Serves S3 here, and
//! whatever else listens beside it.

mod address;
mod idle;
mod unix;

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::task::JoinSet;

use address::Connection;
pub use address::{Address, AddressError, Listener, Peer};
use idle::WriteTimeout;

/// How long a client may take for a request's header, the wait between requests included.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait when the system has no more file descriptors for connections.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How patient a listener is.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How long a client may send or take nothing while a body is under way.
    pub idle: Duration,
    /// How long requests that are under way may take once the listener is told to stop.
    pub grace: Duration,
}

impl Default for Patience {
    /// A minute, and five.
    fn default() -> Self {
        Self { idle: Duration::from_secs(60), grace: Duration::from_secs(300) }
    }
}

/// Serves `answer` on `listener` until `shutdown` is done, then lets the requests under way finish.
pub async fn serve<A, F, B>(listener: Listener, answer: A, patience: Patience, shutdown: impl Future<Output = ()>)
where
    A: Fn(Request<Incoming>, Peer) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => connect(accepted, answer.clone(), patience, &graceful, &mut connections),
                // Out of descriptors, or a client that left: the next one may fare better.
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            // Finished connections are forgotten as they end.
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    drop(listener);
    // Dropping the set cancels what is left, and with it every handle on what `answer` holds.
    let _ = tokio::time::timeout(patience.grace, graceful.shutdown()).await;
    connections.shutdown().await;
}

fn connect<A, F, B>(
    (stream, peer): (Connection, Peer),
    answer: A,
    patience: Patience,
    graceful: &GracefulShutdown,
    tasks: &mut JoinSet<()>,
) where
    A: Fn(Request<Incoming>, Peer) -> F + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let handler = service_fn(move |request| {
        let answered = answer(request, peer);
        async move { Ok::<_, Infallible>(answered.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(WriteTimeout::new(stream, patience.idle)), handler);
    let connection = graceful.watch(connection);
    tasks.spawn(async move {
        // The client went away or broke the protocol; there is nobody left to tell.
        let _ = connection.await;
    });
}

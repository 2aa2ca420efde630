//! Accepting HTTP/1.1 connections until told to stop, then letting the requests under way finish.
//!
//! What it knows: TCP addresses and Unix sockets ([`Address`], [`Listener`]), who is at the other end ([`Peer`]), how many
//! connections there may be ([`Room`]) and how long they may take ([`Patience`]). What it must not know: what is served,
//! which is a function from a request to an answer; configuration; logs.
//!
//! Where to begin: [`serve`] below is all of it at a glance. `crowd.rs` says who makes room for whom, `unix.rs` how a
//! socket takes the place of one that nobody listens on, `idle.rs` when a reader has died, `unreadable.rs` what is said to
//! what is no request.

mod address;
mod busy;
mod crowd;
mod idle;
mod unix;
mod unreadable;

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{DATE, HeaderValue};
use http::{Request, Response, StatusCode};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;

use address::Connection;
pub use address::{Address, AddressError, Listener, Peer};
use busy::Busy;
use crowd::Crowd;
pub use crowd::{Room, client_group};
use idle::WriteTimeout;
pub use unix::connect_private;
use unreadable::{Worded, Words};

/// What a connection reads ahead, and the longest head of a request: 16 KiB. A busy connection costs little more.
const BUFFER: usize = 16 * 1024;
/// To a client whose connections are all busy.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
/// The end of the year 9999, after which there is no such date any more.
const LAST_DATE: Duration = Duration::from_secs(253_402_300_799);
/// How long to wait when the system has no more file descriptors for connections.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How patient a listener is.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How long a client may send or take nothing while a body is under way.
    pub idle: Duration,
    /// How long requests that are under way may take once the listener is told to stop.
    pub grace: Duration,
    /// How long a client may take for a request's head, the wait between requests included.
    pub head: Duration,
}

impl Default for Patience {
    /// A minute, five, and half a minute.
    fn default() -> Self {
        let [idle, grace, head] = [60, 300, 30].map(Duration::from_secs);
        Self { idle, grace, head }
    }
}

/// Answers what a peer has sent and hyper refuses with a status, as it is no request.
pub type Unreadable = Arc<dyn Fn(StatusCode, Peer) -> Response<Bytes> + Send + Sync>;

/// What a listener goes by.
#[derive(Clone)]
pub struct Terms {
    /// How long it waits.
    pub patience: Patience,
    /// How many it has at the same time.
    pub room: Room,
    /// Who speaks for others, so that its connections are not one client's.
    pub for_others: Arc<dyn Fn(Peer) -> bool + Send + Sync>,
    /// The time that answers are dated with.
    pub clock: Arc<dyn Fn() -> SystemTime + Send + Sync>,
    /// The answer to what cannot be read as a request; `None`: a status alone.
    pub unreadable: Option<Unreadable>,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            patience: Patience::default(),
            room: Room::default(),
            for_others: Arc::new(|_| false),
            clock: Arc::new(SystemTime::now),
            unreadable: None,
        }
    }
}

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terms").field("patience", &self.patience).field("room", &self.room).finish_non_exhaustive()
    }
}

/// Serves `answer` on `listener` until `shutdown` is done, then lets the requests under way finish.
pub async fn serve<A, F, B>(listener: Listener, answer: A, terms: Terms, shutdown: impl Future<Output = ()>)
where
    A: Fn(Request<Incoming>, Peer) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static,
{
    let graceful = GracefulShutdown::new();
    let crowd = Arc::new(Crowd::new(terms.room));
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepting = async {
            crowd.has_room().await;
            listener.accept().await
        };
        tokio::select! {
            () = &mut shutdown => break,
            accepted = accepting => match accepted {
                Ok(accepted) => connect(accepted, answer.clone(), &terms, &crowd, &graceful, &mut connections),
                // Out of descriptors, or a client that left: the next one may fare better.
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            // Finished connections are forgotten as they end.
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    drop(listener);
    // Dropping the set cancels what is left, and with it every handle on what `answer` holds.
    let _ = tokio::time::timeout(terms.patience.grace, graceful.shutdown()).await;
    connections.shutdown().await;
}

fn connect<A, F, B>(
    (mut stream, peer): (Connection, Peer),
    answer: A,
    terms: &Terms,
    crowd: &Arc<Crowd>,
    graceful: &GracefulShutdown,
    tasks: &mut JoinSet<()>,
) where
    A: Fn(Request<Incoming>, Peer) -> F + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static,
{
    let Some(place) = crowd.enter(peer, (terms.for_others)(peer)).map(Arc::new) else {
        // A new connection takes it at once, or is not worth waiting for.
        let _ = stream.write_all(FULL).now_or_never();
        return;
    };
    let (at, clock) = (Arc::clone(&place), Arc::clone(&terms.clock));
    let handler = service_fn(move |request| {
        let (answered, work, clock) = (answer(request, peer), at.work(), Arc::clone(&clock));
        async move {
            let mut response = answered.await.map(|body| Busy::new(body, work));
            date(&mut response, clock());
            Ok::<_, Infallible>(response)
        }
    });
    let words = terms.unreadable.clone().map(|answer| dated(answer, peer, Arc::clone(&terms.clock)));
    let stream = Worded::new(WriteTimeout::new(stream, terms.patience.idle), words);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(terms.patience.head)
        .max_buf_size(BUFFER)
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), handler);
    let connection = graceful.watch(connection);
    tasks.spawn(async move {
        tokio::select! {
            // The client went away or broke the protocol; there is nobody left to tell.
            _ = connection => {}
            () = place.is_needed() => {}
        }
    });
}

fn dated(answer: Unreadable, peer: Peer, clock: Arc<dyn Fn() -> SystemTime + Send + Sync>) -> Words {
    Box::new(move |status| {
        let mut response = answer(status, peer);
        date(&mut response, clock());
        response
    })
}

/// hyper's own Date stands still after the clock has been set back, until its old time comes again. An S3 client corrects
/// its clock by it, and its signatures are refused.
fn date<B>(response: &mut Response<B>, now: SystemTime) {
    let now = now.clamp(UNIX_EPOCH, UNIX_EPOCH + LAST_DATE);
    if let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(now)) {
        response.headers_mut().insert(DATE, date);
    }
}

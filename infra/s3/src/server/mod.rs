//! The HTTP server: connections, limits on slow clients, what comes before and after s3s.

pub(crate) mod body;
mod cors;
pub(crate) mod credentials;
mod guard;
mod idle;
mod rechunk;
pub(crate) mod requests;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use s3s::Body;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};

use crate::api::Api;
use crate::store::Store;
use body::RequestBody;
use cors::{Cors, Origin};
use credentials::Credentials;
use idle::WriteTimeout;
use requests::Requests;

/// How long a client may take for a request's header, the wait between requests included.
const HEADER_TIMEOUT: Duration = Duration::from_secs(75);
/// How long a client may send or take nothing while a body is under way.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long requests that are under way may take once the server is told to stop.
const GRACE: Duration = Duration::from_secs(10);
/// How long to wait when the system has no more file descriptors for connections.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What can be chosen about a server.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// The region it says it is in. Signatures for any region are taken.
    pub region: String,
    /// Whether buckets without CORS rules let pages of any origin GET, HEAD and PUT (with any header, `ETag`
    /// exposed, preflights valid for 7,200 s). Otherwise they let none.
    pub open_cors: bool,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self { region: "us-east-1".to_owned(), open_cors: false }
    }
}

/// An S3 endpoint with path-style addresses, bound and ready to serve.
pub struct Server {
    listener: TcpListener,
    service: Service,
    requests: Requests,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("listener", &self.listener).finish_non_exhaustive()
    }
}

impl Server {
    /// Binds `addr`. Connections wait in the system's queue until [`Server::serve`].
    ///
    /// # Errors
    /// What the system says: address in use, or not this machine's.
    pub async fn bind(
        addr: impl ToSocketAddrs,
        store: Store,
        credentials: Credentials,
        options: ServerOptions,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let requests = Requests::default();
        let mut builder = S3ServiceBuilder::new(Api { store: store.clone(), region: options.region });
        builder.set_auth(credentials);
        builder.set_access(requests.clone());
        let default = if options.open_cors { cors::open_rules() } else { Vec::new() };
        let service = Service { s3: builder.build(), cors: Cors { store, default } };
        Ok(Self { listener, service, requests })
    }

    /// The address it is bound to.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The counters; they go on counting while the server serves.
    #[must_use]
    pub fn requests(&self) -> Requests {
        self.requests.clone()
    }

    /// Serves until `shutdown` is done, then lets the requests under way finish, for ten seconds at most.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let graceful = GracefulShutdown::new();
        let mut connections = tokio::task::JoinSet::new();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => self.service.connect(stream, &graceful, &mut connections),
                    // Out of descriptors, or a client that left: the next one may fare better.
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
                // Finished connections are forgotten as they end.
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
            }
        }
        drop(self.listener);
        // Dropping the set cancels what is left, and with it every handle on the store.
        let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
        connections.shutdown().await;
    }
}

#[derive(Clone)]
struct Service {
    s3: S3Service,
    cors: Cors,
}

impl Service {
    fn connect(&self, stream: TcpStream, graceful: &GracefulShutdown, tasks: &mut tokio::task::JoinSet<()>) {
        // Small answers must not wait for the peer's acknowledgement; a socket that refuses is still usable.
        let _ = stream.set_nodelay(true);
        let service = self.clone();
        let handler = service_fn(move |request| {
            let service = service.clone();
            async move { Ok::<_, Infallible>(service.answer(request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .serve_connection(TokioIo::new(WriteTimeout::new(stream, IDLE_TIMEOUT)), handler);
        let connection = graceful.watch(connection);
        tasks.spawn(async move {
            // The client went away or broke the protocol; there is nobody left to tell.
            let _ = connection.await;
        });
    }

    async fn answer(&self, mut request: Request<Incoming>) -> Response<Body> {
        let origin = Origin::of(&request);
        if request.method() == Method::OPTIONS {
            return self.cors.preflight(origin.as_ref());
        }
        guard::mend(&mut request);
        let mut response = match guard::check(&request) {
            Ok(()) => self.call(request).await,
            Err(error) => guard::refusal(error),
        };
        if response.status() == StatusCode::NOT_MODIFIED {
            // s3s puts an XML error here, and a 304 has no body.
            *response.body_mut() = Body::empty();
        }
        if let Some(origin) = origin {
            self.cors.mark(&origin, response.headers_mut());
        }
        response
    }

    async fn call(&self, request: Request<Incoming>) -> Response<Body> {
        let chunked = request.headers().get("x-amz-content-sha256");
        let chunked = chunked.is_some_and(|it| it.as_bytes() == b"STREAMING-UNSIGNED-PAYLOAD-TRAILER");
        let request = request.map(|body| Body::http_body(RequestBody::new(body, IDLE_TIMEOUT, chunked)));
        self.s3.call(request).await.unwrap_or_else(|_| internal_error())
    }
}

/// s3s could not even write its error.
fn internal_error() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    response
}

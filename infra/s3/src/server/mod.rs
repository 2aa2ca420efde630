//! The HTTP server: connections, limits on slow clients, what comes before and after s3s.

mod answers;
mod body;
mod cors;
pub(crate) mod credentials;
#[cfg(test)]
mod fuzz;
mod gate;
mod guard;
mod lines;
mod offered;
mod rechunk;
pub(crate) mod requests;
mod service;
mod signature;

use std::io;
use std::net::SocketAddr;

use s3s::service::S3ServiceBuilder;
use satchel_folder::Store;
use satchel_listener::{Listener, Terms};
use tokio::net::{TcpListener, ToSocketAddrs};

use crate::api::Api;
use cors::Cors;
use credentials::Credentials;
use gate::Gate;
use requests::Requests;
use service::Service;

/// What can be chosen about a server.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// The region it says it is in. Signatures for any region are taken.
    pub region: String,
    /// Whether buckets without CORS rules let pages of any origin GET, HEAD and PUT (with any header, preflights
    /// valid for 7,200 s). Otherwise they let none.
    pub open_cors: bool,
    /// How patient it is with slow clients, and with requests under way once it is told to stop; how many it takes.
    pub terms: Terms,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self { region: "us-east-1".to_owned(), open_cors: false, terms: Terms::default() }
    }
}

/// An S3 endpoint with path-style addresses, bound and ready to serve.
pub struct Server {
    listener: TcpListener,
    service: Service,
    terms: Terms,
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
        builder.set_access(Gate { requests: requests.clone() });
        let default = if options.open_cors { cors::open_rules() } else { Vec::new() };
        let idle = options.terms.patience.idle;
        let service = Service { s3: builder.build(), cors: Cors { store, default }, idle };
        Ok(Self { listener, service, terms: options.terms, requests })
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

    /// Serves until `shutdown` is done, then lets the requests under way finish.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let Self { listener, service, terms, .. } = self;
        let answer = move |request, _| {
            let service = service.clone();
            async move { service.answer(request).await }
        };
        satchel_listener::serve(Listener::Tcp(listener), answer, terms, shutdown).await;
    }
}

//! Connections, of TLS or not, within a time for all of it: names, TCP and handshake.

use std::{
    error::Error,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::ClientConfig;
use tower_service::Service;

type Https = HttpsConnector<HttpConnector>;

/// Connects over TLS where a URL says https, and over plain TCP where it says http.
#[derive(Debug, Clone)]
pub struct Connector {
    https: Https,
    timeout: Duration,
}

impl Connector {
    /// A connection must stand within `timeout`; one whose peer takes nothing for `patience` is broken off.
    pub(crate) fn new(timeout: Duration, patience: Duration, tls: ClientConfig) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        // Divided by the number of a name's addresses. Twice the time leaves each of S3's eight a quarter of it.
        tcp.set_connect_timeout(Some(timeout * 2));
        tcp.set_nodelay(true);
        // hyper sends what it has buffered before it closes a connection, even that of a request that was given up, and
        // would wait for ever for a peer that takes nothing more.
        #[cfg(target_os = "linux")]
        tcp.set_tcp_user_timeout(Some(patience));
        let https =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp);
        Self { https, timeout }
    }
}

impl Service<Uri> for Connector {
    type Response = <Https as Service<Uri>>::Response;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.https.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connected, timeout) = (self.https.call(uri), self.timeout);
        Box::pin(async move {
            let in_time = tokio::time::timeout(timeout, connected).await;
            in_time.unwrap_or_else(|_| {
                let seconds = timeout.as_secs_f32();
                Err(io::Error::new(io::ErrorKind::TimedOut, format!("no connection within {seconds} s")).into())
            })
        })
    }
}

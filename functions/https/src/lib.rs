//! A plain HTTPS client, for functions that are too small for the SDK's. It is built with the first request: reading
//! the root certificates takes longer than all the rest of a start.

mod connector;
mod provider;

use std::{
    io,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use rustls::{ClientConfig, RootCertStore, crypto::CryptoProvider};

pub use connector::Connector;
use provider::provider;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a peer may take nothing of a request, longer than any deadline.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest answer that is read, in bytes: a page of ListObjectsV2 has less than one million.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// Why there is no answer. The message is for the log, never for a client: it has no URL in it.
#[derive(Debug, thiserror::Error)]
pub enum HttpsError {
    /// No root certificates, or no TLS at all.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[source] io::Error),
    /// No connection, or one that broke.
    #[error("the connection failed: {0}")]
    Connection(String),
    /// The answer broke off or has more than 4 MiB.
    #[error("the answer could not be read: {0}")]
    Answer(String),
    /// Nothing within the time.
    #[error("no answer within {} s", .0.as_secs())]
    Timeout(Duration),
}

/// Sends requests whose bodies are in memory; connections are kept for the next one. Clones share them.
#[derive(Debug, Clone)]
pub struct HttpsClient {
    /// Whether root certificates are needed at all.
    secure: bool,
    client: Arc<OnceLock<Client<Connector, Full<Bytes>>>>,
}

impl HttpsClient {
    /// A client; `secure` says whether any URL will be https://.
    #[must_use]
    pub fn new(secure: bool) -> Self {
        Self { secure, client: Arc::default() }
    }

    /// Sends a request and reads the whole answer, whatever its status, within `deadline`.
    ///
    /// # Errors
    /// See [`HttpsError`]; whether the request had its effect is unknown then.
    pub async fn send(&self, request: Request<Full<Bytes>>, deadline: Duration) -> Result<Response<Bytes>, HttpsError> {
        let answered = tokio::time::timeout(deadline, self.answer(request)).await;
        answered.unwrap_or(Err(HttpsError::Timeout(deadline)))
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, HttpsError> {
        let response = self.client()?.request(request).await.map_err(|error| HttpsError::Connection(chain(&error)))?;
        let (parts, body) = response.into_parts();
        let body =
            Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| HttpsError::Answer(chain(&*error)))?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }

    fn client(&self) -> Result<&Client<Connector, Full<Bytes>>, HttpsError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let connector = connector(CONNECT_TIMEOUT, PATIENCE, self.secure).map_err(HttpsError::Tls)?;
        Ok(self.client.get_or_init(|| Client::builder(TokioExecutor::new()).build(connector)))
    }
}

/// A connector whose connections stand within `timeout`, or fail; one whose peer takes nothing for `patience` is broken off.
/// `secure` says whether any URL will be https://.
///
/// # Errors
/// There are no root certificates; rustls knows none of the protocol versions.
pub fn connector(timeout: Duration, patience: Duration, secure: bool) -> Result<Connector, io::Error> {
    let roots = if secure { roots()? } else { RootCertStore::empty() };
    Ok(Connector::new(timeout, patience, tls(provider(), roots)?))
}

fn tls(provider: CryptoProvider, roots: RootCertStore) -> Result<ClientConfig, io::Error> {
    let versions = ClientConfig::builder_with_provider(provider.into()).with_safe_default_protocol_versions();
    Ok(versions.map_err(io::Error::other)?.with_root_certificates(roots).with_no_client_auth())
}

/// The machine's root certificates.
fn roots() -> Result<RootCertStore, io::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(io::Error::other("no root certificates on this machine; install ca-certificates"));
    }
    Ok(roots)
}

/// An error and what it came from, which hyper's own message leaves out.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests;

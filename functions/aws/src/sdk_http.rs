//! The HTTP client under the SDK's: the same hyper as under the plain HTTPS client. The SDK's own adds HTTP/2, which S3
//! does not speak, proxies and another pool: a sixth of a package.

use std::{
    error::Error,
    fmt, io,
    sync::{Arc, OnceLock},
    time::Duration,
};

use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_runtime_api::client::{
    connection::{CaptureSmithyConnection, ConnectionMetadata},
    http::{HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
};
use hyper_util::{
    client::legacy::{
        self, Client,
        connect::{CaptureConnection, capture_connection},
    },
    rt::{TokioExecutor, TokioTimer},
};
use satchel_https::{Connector, connector};

/// How long S3 may take nothing of a request.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes of a body that wait, for each connection, to be sent or to be read.
const BUFFER: usize = 64 * 1024;

/// A client that is built with its first request. `secure` says whether any URL will be https://.
pub(crate) fn client(connect_timeout: Duration, secure: bool) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(Hyper { connect_timeout, secure, client: Arc::default() });
    http_client_fn(move |_, _| connector.clone())
}

type HyperClient = Client<Connector, SdkBody>;

#[derive(Clone)]
struct Hyper {
    connect_timeout: Duration,
    secure: bool,
    client: Arc<OnceLock<HyperClient>>,
}

impl fmt::Debug for Hyper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hyper").field("secure", &self.secure).finish_non_exhaustive()
    }
}

impl Hyper {
    fn client(&self) -> Result<&HyperClient, io::Error> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let connector = connector(self.connect_timeout, PATIENCE, self.secure)?;
        // The timer ends connections that have not been used for long.
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .http1_max_buf_size(BUFFER)
            .build(connector);
        Ok(self.client.get_or_init(|| client))
    }

    fn send(&self, request: HttpRequest) -> Result<legacy::ResponseFuture, ConnectorError> {
        let mut request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
        let connection = capture_connection(&mut request);
        if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
            capture.set_connection_retriever(move || Some(retired_at_will(&connection)));
        }
        let client = self.client().map_err(|error| ConnectorError::other(error.into(), None))?;
        Ok(client.request(request))
    }
}

impl HttpConnector for Hyper {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let sent = self.send(request);
        HttpConnectorFuture::new(async move {
            let response = sent?.await.map_err(failed)?;
            let response = HttpResponse::try_from(response.map(SdkBody::from_body_1_x));
            response.map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// The connection of a request. The SDK has it closed before it tries again, so that the next attempt meets another of S3's
/// servers.
fn retired_at_will(connection: &CaptureConnection) -> ConnectionMetadata {
    let connection = connection.clone();
    let retire = move || {
        if let Some(connected) = connection.connection_metadata().as_ref() {
            connected.poison();
        }
    };
    ConnectionMetadata::builder().proxied(false).poison_fn(retire).build()
}

/// What the SDK tries again: whatever may be the network's fault.
fn failed(error: legacy::Error) -> ConnectorError {
    let ours =
        error.source().and_then(|source| source.downcast_ref::<hyper::Error>()).is_some_and(hyper::Error::is_user);
    if ours { ConnectorError::user(error.into()) } else { ConnectorError::io(error.into()) }
}

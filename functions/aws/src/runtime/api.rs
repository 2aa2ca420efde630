//! The requests, one after another on one connection.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{CONTENT_TYPE, HOST, USER_AGENT},
    uri::Authority,
};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::{Body, Incoming},
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{Failure, Next, RuntimeError};

const INVOCATIONS: &str = "/2018-06-01/runtime/invocation/";
const REQUEST_ID: HeaderName = HeaderName::from_static("lambda-runtime-aws-request-id");
const DEADLINE: HeaderName = HeaderName::from_static("lambda-runtime-deadline-ms");
const INVOCATION_ID: HeaderName = HeaderName::from_static("lambda-runtime-invocation-id");
const ERROR_TYPE: HeaderName = HeaderName::from_static("lambda-runtime-function-error-type");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("satchel/", env!("CARGO_PKG_VERSION")));
/// Lambda takes no longer event (AWS: "Lambda quotas", invocation payload: 6 MB).
const LONGEST: usize = 6 * 1024 * 1024;
/// Beyond this, an event without a Content-Length may be of any size. AWS's own emulator gives none over 2 KiB.
const COMMON: usize = 32 * 1024;

/// What an answer needs, besides itself.
#[derive(Debug)]
pub(super) struct Receipt {
    pub(super) request_id: String,
    /// By which Lambda tells an answer to this delivery from one to an earlier delivery of the same event.
    invocation_id: Option<HeaderValue>,
}

/// The runtime API.
#[derive(Debug)]
pub(super) struct Api {
    authority: Authority,
    host: HeaderValue,
    /// The path of all invocations. Emulators have one for each function.
    invocations: String,
    next: Uri,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Api {
    /// `host:port`, as Lambda has it, or the URL that emulators have.
    pub(super) fn at(address: &str) -> Option<Self> {
        let uri: Uri = address.parse().ok()?;
        let authority = uri.authority()?.clone();
        let path = if uri.scheme().is_some() { uri.path().trim_end_matches('/') } else { "" };
        let invocations = format!("{path}{INVOCATIONS}");
        let next = format!("{invocations}next").parse().ok()?;
        let host = HeaderValue::from_str(authority.as_str()).ok()?;
        Some(Self { authority, host, invocations, next, connection: None })
    }

    /// Waits for an event. Emulators send no content now and then, so that the connection stays.
    pub(super) async fn next(&mut self) -> Result<Option<(Next, Receipt)>, RuntimeError> {
        let response = self.call(Method::GET, self.next.clone(), HeaderMap::new(), Bytes::new()).await?;
        let (parts, body) = response.into_parts();
        match parts.status {
            StatusCode::NO_CONTENT => return Ok(None),
            StatusCode::OK => {}
            other => return Err(RuntimeError::Status(other)),
        }
        let text = |name| parts.headers.get::<HeaderName>(name).and_then(|value| value.to_str().ok());
        let request_id = text(REQUEST_ID).ok_or(RuntimeError::Header(REQUEST_ID))?.to_owned();
        let deadline = text(DEADLINE).and_then(|value| value.parse().ok());
        let receipt =
            Receipt { request_id: request_id.clone(), invocation_id: parts.headers.get(INVOCATION_ID).cloned() };
        Ok(Some((Next { request_id, deadline, event: whole(body).await? }, receipt)))
    }

    /// Hands over an answer, and says what became of it.
    pub(super) async fn respond(&mut self, receipt: &Receipt, answer: Vec<u8>) -> Result<StatusCode, RuntimeError> {
        self.answer(receipt, "response", HeaderMap::new(), answer).await
    }

    /// Says that there is none.
    pub(super) async fn fail(&mut self, receipt: &Receipt, failure: &Failure) -> Result<StatusCode, RuntimeError> {
        // What has no category is unknown to Lambda.
        let error_type = HeaderValue::from_str(&format!("Function.{}", failure.error_type));
        let headers = error_type.into_iter().map(|error_type| (ERROR_TYPE, error_type)).collect();
        let failure = serde_json::to_vec(failure).unwrap_or_else(|error| unreachable!("{error}"));
        self.answer(receipt, "error", headers, failure).await
    }

    async fn answer(
        &mut self,
        receipt: &Receipt,
        kind: &str,
        mut headers: HeaderMap,
        answer: Vec<u8>,
    ) -> Result<StatusCode, RuntimeError> {
        headers.extend(receipt.invocation_id.iter().map(|id| (INVOCATION_ID, id.clone())));
        headers.insert(CONTENT_TYPE, JSON);
        let path = [&self.invocations, &*receipt.request_id, "/", kind].concat();
        let uri = Uri::try_from(path).map_err(|_| RuntimeError::Header(REQUEST_ID))?;
        let response = self.call(Method::POST, uri, headers, answer.into()).await?;
        let (parts, mut body) = response.into_parts();
        // The connection serves the next request once this one is over. Whatever becomes of it, the answer is there.
        while let Some(frame) = body.frame().await {
            if frame.is_err() {
                self.connection = None;
                break;
            }
        }
        match parts.status {
            status if status.is_server_error() => Err(RuntimeError::Status(status)),
            status => Ok(status),
        }
    }

    async fn call(
        &mut self,
        method: Method,
        uri: Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, RuntimeError> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        request.headers_mut().insert(HOST, self.host.clone());
        request.headers_mut().insert(USER_AGENT, AGENT);
        // A connection that was closed meanwhile gives the request back; only a new one may fail.
        if let Some(mut kept) = self.connection.take()
            && kept.ready().await.is_ok()
        {
            match kept.try_send_request(request).await {
                Ok(response) => {
                    self.connection = Some(kept);
                    return Ok(response);
                }
                Err(mut failed) => request = failed.take_message().ok_or_else(|| failed.into_error())?,
            }
        }
        let mut fresh = self.connected().await?;
        let response = fresh.send_request(request).await?;
        self.connection = Some(fresh);
        Ok(response)
    }

    async fn connected(&self) -> Result<SendRequest<Full<Bytes>>, RuntimeError> {
        let port = self.authority.port_u16().unwrap_or(80);
        let address = format!("{}:{port}", self.authority.host());
        let stream = TcpStream::connect(address).await.map_err(RuntimeError::Connect)?;
        stream.set_nodelay(true).map_err(RuntimeError::Connect)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // What it fails with, requests are told.
        tokio::spawn(connection);
        Ok(sender)
    }
}

/// A body, in a buffer that does not move while it fills: it would be in memory twice. Room that is not used is none of the
/// machine's.
async fn whole(mut body: Incoming) -> Result<Vec<u8>, RuntimeError> {
    let length = body.size_hint().exact().map_or(COMMON, |length| usize::try_from(length).unwrap_or(LONGEST));
    let mut whole = Vec::with_capacity(length.min(LONGEST));
    while let Some(frame) = body.frame().await.transpose()? {
        let data = frame.data_ref().map_or(&[][..], |data| data);
        if data.len() > whole.capacity() - whole.len() && whole.len() < LONGEST {
            whole.reserve_exact(LONGEST.max(data.len()));
        }
        whole.extend_from_slice(data);
    }
    Ok(whole)
}

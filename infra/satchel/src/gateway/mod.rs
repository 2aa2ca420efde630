//! The gateway: API Gateway's part on one machine, and the way of files that need no function.

mod answer;
mod attempt;
mod body;
mod crowd;
mod download;
mod event;
mod head;
mod invoke;
mod pieces;
mod resume;
mod selection;
mod spool;
mod turns;
mod upload;

use std::{panic::AssertUnwindSafe, sync::Arc};

use answer::{GatewayError, Reply};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderValue, Method, StatusCode, header::CONNECTION, request::Parts};
use http_body_util::Either;
use hyper::{Request, body::Incoming};
use invoke::{Answered, PAYLOAD_LIMIT};
use satchel_listener::Peer;
use satchel_telemetry::arrival::Seen;
use spool::READ_FIRST;

use crate::{delivery::Delivery, proxies::Client, request_id::request_id};

pub use answer::{Outgoing, unreadable};
pub use invoke::{Doors, Gateway};
pub use spool::Spool;

impl Gateway {
    /// Answers one request. It is finished even if the client leaves, as an invocation would be, and a panic
    /// in it ends with 502, as a crashed invocation does.
    pub async fn answer(self: Arc<Self>, request: Request<Incoming>, peer: Peer) -> Outgoing {
        let (mut parts, body) = request.into_parts();
        if self.status.serves(parts.uri.path()) && head::names_one_host(&parts) {
            // With the headers as they came: they tell whether a proxy has passed it on.
            return self.status.answer(&parts, peer).await.map(Either::Left);
        }
        let client = self.proxies.settle(peer, &mut parts);
        parts.extensions.insert(client);
        let arrived = Seen::of_request("gateway", parts.method.clone(), request_id());
        parts.extensions.insert(arrived);
        let (gateway, parts) = (Arc::clone(&self), Arc::new(parts));
        let routed = Arc::clone(&parts);
        let admitted = async move { gateway.admit(&routed, body).await };
        let mut answering = Box::pin(AssertUnwindSafe(admitted).catch_unwind());
        let answered = match answering.as_mut().now_or_never() {
            // Where nothing is waited for, as by most downloads, a task of its own would be most of the work.
            Some(answered) => answered,
            None => tokio::spawn(answering).await.unwrap_or_else(|error| Err(Box::new(error))),
        };
        let answered = answered.unwrap_or(Err(GatewayError::Failed));
        let waited = body::expects_continue(&parts.headers);
        let mut answer = answered.unwrap_or_else(|error| self.refused(&parts, &error).into()).into_outgoing();
        if waited && is_refusal(answer.status()) {
            // Nobody reads what it may send now; a proxy must know (RFC 9110, section 10.1.1).
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }

    async fn admit(&self, parts: &Parts, body: Incoming) -> Result<Reply, GatewayError> {
        let turn = parts.extensions.get().and_then(|client: &Client| self.crowd.enter(*client));
        let refusal = match turn {
            _ if !head::names_one_host(parts) => GatewayError::Host,
            None => GatewayError::TooMany,
            Some(turn) => {
                return match (&self.delivery, self.functions.of_files(parts)) {
                    (Delivery::Redirected(store) | Delivery::Streamed(store), Some(Method::PUT)) => {
                        Ok(Box::pin(self.upload(store, parts, body)).await?.into())
                    }
                    // Under way until the last byte is sent.
                    (Delivery::Streamed(store), Some(_)) => {
                        body::drain(body, &parts.headers);
                        Ok(self.download(store, parts).await?.holding(turn))
                    }
                    _ => Ok(Box::pin(self.route(parts, body)).await?.into()),
                };
            }
        };
        body::drain(body, &parts.headers);
        Err(refusal)
    }

    async fn route(&self, parts: &Parts, body: Incoming) -> Answered {
        let chunked = body::is_chunked(&parts.headers);
        if self.functions.is_resume(parts.uri.path()) {
            return Ok(self.resume(parts, body).await);
        }
        match body::announced_length(&parts.headers) {
            Ok(None | Some(0)) if !chunked => self.invoke(parts, Bytes::new(), None).await,
            Ok(length) if self.functions.rosters().take_whole(parts) => {
                self.as_aws(parts, body, length.unwrap_or(PAYLOAD_LIMIT)).await
            }
            Ok(Some(length)) if self.strict_aws => self.as_aws(parts, body, length).await,
            Ok(Some(length)) if length <= READ_FIRST => self.invoke_with(parts, body, length, None).await,
            // Chunked, no number, or more than any stanza has: the function says what is wrong with that.
            _ => {
                body::drain(body, &parts.headers);
                self.invoke(parts, Bytes::new(), None).await
            }
        }
    }
}

fn is_refusal(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

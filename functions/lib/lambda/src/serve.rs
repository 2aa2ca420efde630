//! The only copy of `main`'s boilerplate: configuration, then lambda_runtime's loop, with a log line per request.

use std::{fmt::Display, future::ready, process::ExitCode, sync::Arc, time::Instant};

use bytes::Bytes;
use lambda_http::{LambdaEvent, Service};
use satchel_core::{answer::Answer, config::BAD_CONFIGURATION, head::RawHead, outcome::EventFailure};
use serde_json::Value;

use crate::{
    edge::{Edge, Reply, complain},
    invocation::Invocation,
    received::{Received, is_meant_as_request},
};

/// Serves HTTP events until the runtime ends. `state` is what loading the function's state gave.
pub async fn serve<S, B, H, F>(function: &'static str, state: Result<S, B>, handle: H) -> ExitCode
where
    S: Send + Sync + 'static,
    B: Display,
    H: Fn(Arc<S>, RawHead, Bytes) -> F + Send + Sync,
    F: Future<Output = Answer> + Send,
{
    let Some(state) = started(function, state.map(Arc::new)) else { return ExitCode::from(BAD_CONFIGURATION) };
    let edge = Edge::new(function);
    let http = edge.http(|| ready(Arc::clone(&state)), &handle);
    edge.requests(http).await
}

/// The same with a state that may change: `renew` gives that of the next request, and why it may not be the newest.
pub async fn serve_renewed<L, B, R, N, S, E, H, F>(
    function: &'static str,
    live: Result<L, B>,
    renew: R,
    handle: H,
) -> ExitCode
where
    L: Send + Sync + 'static,
    B: Display,
    R: Fn(Arc<L>) -> N + Send + Sync,
    N: Future<Output = (Arc<S>, Result<(), E>)> + Send,
    S: Send + Sync + 'static,
    E: EventFailure + Send,
    H: Fn(Arc<S>, RawHead, Bytes) -> F + Send + Sync,
    F: Future<Output = Answer> + Send,
{
    let Some(live) = started(function, live.map(Arc::new)) else { return ExitCode::from(BAD_CONFIGURATION) };
    let edge = Edge::new(function);
    let http = edge.http(|| async { edge.renewed(renew(Arc::clone(&live)).await) }, &handle);
    edge.requests(http).await
}

/// Serves both: what is no HTTP event goes to `handle_event`.
pub async fn serve_both<L, B, R, N, S, E, H, F, G, D, EE>(
    function: &'static str,
    live: Result<L, B>,
    renew: R,
    handle: H,
    handle_event: G,
) -> ExitCode
where
    L: Send + Sync + 'static,
    B: Display,
    R: Fn(Arc<L>) -> N + Send + Sync,
    N: Future<Output = (Arc<S>, Result<(), E>)> + Send,
    S: Send + Sync + 'static,
    E: EventFailure + Send,
    H: Fn(Arc<S>, RawHead, Bytes) -> F + Send + Sync,
    F: Future<Output = Answer> + Send,
    G: Fn(Arc<S>, Value) -> D + Send + Sync,
    D: Future<Output = Result<Value, EE>> + Send,
    EE: EventFailure + Send + Sync + 'static,
{
    let Some(live) = started(function, live.map(Arc::new)) else { return ExitCode::from(BAD_CONFIGURATION) };
    let edge = Edge::new(function);
    let state = || async { edge.renewed(renew(Arc::clone(&live)).await) };
    let http = edge.http(state, &handle);
    edge.looped(|LambdaEvent { payload, context }| {
        let (edge, state, handle_event, mut http) = (&edge, &state, &handle_event, http.clone());
        async move {
            let event = match payload {
                Received::Request(request) => {
                    return http.call(LambdaEvent::new(*request, context)).await.map(Reply::Http);
                }
                Received::Other(json) => serde_json::from_str(json.get()).unwrap_or_default(),
            };
            if is_meant_as_request(&event) {
                return Ok(Reply::Value(edge.malformed(&context)));
            }
            let state = state().await;
            edge.logged(edge.seen(&context), handle_event(state, event)).await.map(Reply::Value)
        }
    })
    .await
}

/// Serves events that nobody waits for. What `handle` gives is logged; what it fails with is logged and told to
/// Lambda, which then delivers the event again.
pub async fn serve_events<S, B, H, F, E>(function: &'static str, state: Result<S, B>, handle: H) -> ExitCode
where
    S: Send + Sync + 'static,
    B: Display,
    H: Fn(Arc<S>, Value) -> F + Send + Sync,
    F: Future<Output = Result<Value, E>> + Send,
    E: EventFailure + Send + Sync + 'static,
{
    serve_invocations(function, state, |state, event, _| handle(state, event)).await
}

/// The same as [`serve_events`], for a handler that has to know when Lambda ends it.
pub async fn serve_invocations<S, B, H, F, E>(function: &'static str, state: Result<S, B>, handle: H) -> ExitCode
where
    S: Send + Sync + 'static,
    B: Display,
    H: Fn(Arc<S>, Value, Instant) -> F + Send + Sync,
    F: Future<Output = Result<Value, E>> + Send,
    E: EventFailure + Send + Sync + 'static,
{
    let Some(state) = started(function, state.map(Arc::new)) else { return ExitCode::from(BAD_CONFIGURATION) };
    let edge = Edge::new(function);
    edge.looped(|LambdaEvent { payload, context }| {
        let seen = edge.seen(&context);
        // Boxed, as the SDK's futures nest deeper than the compiler computes layouts.
        let Invocation { event, deadline } = Invocation::of(payload, context.deadline);
        let done = Box::pin(handle(Arc::clone(&state), event, deadline));
        edge.logged(seen, done)
    })
    .await
}

fn started<S>(function: &str, state: Result<S, impl Display>) -> Option<S> {
    state.inspect_err(|error| complain(function, "not_started", &error.to_string())).ok()
}

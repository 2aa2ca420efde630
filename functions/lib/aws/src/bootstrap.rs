//! The only copy of `main`'s boilerplate: configuration, then lambda_runtime's loop, with a log line per request.

use std::{process::ExitCode, sync::Arc};

#[cfg(feature = "secrets")]
use lambda_http::Service;
use lambda_http::{Body, LambdaEvent, Request, Response};
use satchel_core::config::ConfigError;
use serde_json::Value;

#[cfg(feature = "secrets")]
use crate::{
    edge::Answer,
    live::Live,
    received::{Received, is_meant_as_request},
};
use crate::{
    edge::{Edge, complain},
    invocation::Invocation,
    log::EventFailure,
};

/// The exit code for a configuration that cannot work.
pub const BAD_CONFIGURATION: u8 = 2;

/// Why a function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Variables are missing or malformed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// AWS's own settings.
    #[error(transparent)]
    Sdk(#[from] crate::sdk::SdkError),
    /// Secrets that are kept elsewhere.
    #[cfg(feature = "secrets")]
    #[error(transparent)]
    Secret(#[from] crate::secret_store::SecretError),
}

/// The process environment, as the configuration reads it. What is not UTF-8 comes with U+FFFD in it, which
/// the configuration refuses.
#[must_use]
pub fn environment(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// Serves HTTP events until the runtime ends. `state` is what loading the function's state gave.
pub async fn serve<S, H, F>(function: &'static str, state: Result<S, StartError>, handle: H) -> ExitCode
where
    S: Send + Sync + 'static,
    H: Fn(Arc<S>, Request) -> F + Send + Sync,
    F: Future<Output = Response<Body>> + Send,
{
    let Some(state) = ready(function, state) else { return ExitCode::from(BAD_CONFIGURATION) };
    let edge = Edge::new(function);
    let http = edge.http(|| std::future::ready(Arc::clone(&state)), &handle);
    edge.requests(http).await
}

/// The same with a state whose secrets may change.
#[cfg(feature = "secrets")]
pub async fn serve_live<S, H, F>(function: &'static str, state: Result<Live<S>, StartError>, handle: H) -> ExitCode
where
    S: Send + Sync + 'static,
    H: Fn(Arc<S>, Request) -> F + Send + Sync,
    F: Future<Output = Response<Body>> + Send,
{
    let Some(live) = ready(function, state) else { return ExitCode::from(BAD_CONFIGURATION) };
    let edge = Edge::new(function);
    let http = edge.http(|| edge.renewed(&live), &handle);
    edge.requests(http).await
}

/// Serves both: what is no HTTP event goes to `handle_event`.
#[cfg(feature = "secrets")]
pub async fn serve_both<S, H, F, G, D, E>(
    function: &'static str,
    state: Result<Live<S>, StartError>,
    handle: H,
    handle_event: G,
) -> ExitCode
where
    S: Send + Sync + 'static,
    H: Fn(Arc<S>, Request) -> F + Send + Sync,
    F: Future<Output = Response<Body>> + Send,
    G: Fn(Arc<S>, Value) -> D + Send + Sync,
    D: Future<Output = Result<Value, E>> + Send,
    E: EventFailure + Send + Sync + 'static,
{
    let Some(live) = ready(function, state) else { return ExitCode::from(BAD_CONFIGURATION) };
    let edge = Edge::new(function);
    let http = edge.http(|| edge.renewed(&live), &handle);
    edge.looped(|LambdaEvent { payload, context }| {
        let (edge, live, handle_event, mut http) = (&edge, &live, &handle_event, http.clone());
        async move {
            let event = match payload {
                Received::Request(request) => {
                    return http.call(LambdaEvent::new(*request, context)).await.map(Answer::Http);
                }
                Received::Other(json) => serde_json::from_str(json.get()).unwrap_or_default(),
            };
            if is_meant_as_request(&event) {
                return Ok(Answer::Value(edge.malformed(&context)));
            }
            let state = edge.renewed(live).await;
            edge.logged(edge.seen(&context), handle_event(state, event)).await.map(Answer::Value)
        }
    })
    .await
}

/// Serves events that nobody waits for. What `handle` gives is logged; what it fails with is logged and told to
/// Lambda, which then delivers the event again.
pub async fn serve_events<S, H, F, E>(function: &'static str, state: Result<S, StartError>, handle: H) -> ExitCode
where
    S: Send + Sync + 'static,
    H: Fn(Arc<S>, Value) -> F + Send + Sync,
    F: Future<Output = Result<Value, E>> + Send,
    E: EventFailure + Send + Sync + 'static,
{
    serve_invocations(function, state, |state, invocation| handle(state, invocation.event)).await
}

/// The same as [`serve_events`], for a handler that has to know how long it may take.
pub async fn serve_invocations<S, H, F, E>(function: &'static str, state: Result<S, StartError>, handle: H) -> ExitCode
where
    S: Send + Sync + 'static,
    H: Fn(Arc<S>, Invocation) -> F + Send + Sync,
    F: Future<Output = Result<Value, E>> + Send,
    E: EventFailure + Send + Sync + 'static,
{
    let Some(state) = ready(function, state) else { return ExitCode::from(BAD_CONFIGURATION) };
    let edge = Edge::new(function);
    edge.looped(|LambdaEvent { payload, context }| {
        let seen = edge.seen(&context);
        // Boxed, as the SDK's futures nest deeper than the compiler computes layouts.
        let done = Box::pin(handle(Arc::clone(&state), Invocation::of(payload, context.deadline)));
        edge.logged(seen, done)
    })
    .await
}

fn ready<S>(function: &str, state: Result<S, StartError>) -> Option<Arc<S>> {
    state.map(Arc::new).inspect_err(|error| complain(function, "not_started", &error.to_string())).ok()
}

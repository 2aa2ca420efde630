//! The only copy of `main`'s boilerplate: configuration, then the runtime loop, with a log line per
//! request.

use std::{
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use lambda_http::{Body, Request, Response};
use satchel_core::{
    config::ConfigError,
    level::Level,
    line::{self, CAUSE},
};
use serde::Serialize;
use serde_json::Value;

#[cfg(feature = "https")]
use crate::live::Live;
use crate::{
    api_gateway::{Event, MalformedEvent, Reply},
    cloudwatch::CloudWatch,
    log::{self, EventFailure, Seen},
    runtime::{self, Failure, Next},
};

/// What an invoke may take at the most (AWS: "Lambda quotas", function timeout). A deadline that is longer ago is none:
/// cargo-lambda's emulator sends one of 1970.
const LONGEST_INVOKE: Duration = Duration::from_secs(900);

/// The exit code for a configuration that cannot work.
pub const BAD_CONFIGURATION: u8 = 2;

/// Why a function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Variables are missing or malformed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No AWS credentials.
    #[error("no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (Lambda sets them itself)")]
    Credentials(#[from] aws_credential_types::provider::error::CredentialsError),
    /// Secrets that are kept elsewhere.
    #[cfg(feature = "https")]
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
    run(function, &CloudWatch::from_environment(), || std::future::ready(Arc::clone(&state)), handle).await
}

/// The same with a state whose secrets may change.
#[cfg(feature = "https")]
pub async fn serve_live<S, H, F>(function: &'static str, state: Result<Live<S>, StartError>, handle: H) -> ExitCode
where
    S: Send + Sync + 'static,
    H: Fn(Arc<S>, Request) -> F + Send + Sync,
    F: Future<Output = Response<Body>> + Send,
{
    let Some(live) = ready(function, state) else { return ExitCode::from(BAD_CONFIGURATION) };
    let cloudwatch = CloudWatch::from_environment();
    run(function, &cloudwatch, || renewed(function, &live, &cloudwatch), handle).await
}

/// The state, with the secrets of now as far as they can be read.
#[cfg(feature = "https")]
async fn renewed<S>(function: &'static str, live: &Live<S>, cloudwatch: &CloudWatch) -> Arc<S> {
    let seen = Seen::of_event(function, String::new());
    if let Err(error) = live.renew().await {
        cloudwatch.write(&seen.event_line(&Err(error)));
    }
    live.state()
}

async fn run<S, C, D, H, F>(function: &'static str, cloudwatch: &CloudWatch, state: C, handle: H) -> ExitCode
where
    C: Fn() -> D + Send + Sync,
    D: Future<Output = Arc<S>> + Send,
    H: Fn(Arc<S>, Request) -> F + Send + Sync,
    F: Future<Output = Response<Body>> + Send,
{
    let (state, handle) = (&state, &handle);
    looped(function, cloudwatch, async |next: Next| {
        Ok(match Event::parse(next.event) {
            Ok(Event { request, shape }) => {
                let seen = cloudwatch.seen(Seen::of(function, next.request_id, &request));
                // Boxed, as the SDK's futures nest deeper than the compiler computes layouts.
                let response = Box::pin(handle(state().await, request)).await;
                cloudwatch.write(&seen.line(&response));
                Reply::new(shape, response)
            }
            Err(_) => MalformedEvent.answer(cloudwatch, &cloudwatch.seen(Seen::of_event(function, next.request_id))),
        })
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

/// An event, and how long there is for it.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// What Lambda was invoked with.
    pub event: Value,
    /// When Lambda ends the function, finished or not (template.yaml: `Timeout`).
    pub deadline: Instant,
}

impl Invocation {
    fn of(event: Value, deadline: Option<u64>) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let deadline = deadline.map(Duration::from_millis).filter(|at| *at + LONGEST_INVOKE > now);
        let left = deadline.map_or(LONGEST_INVOKE, |at| at.saturating_sub(now));
        Self { event, deadline: Instant::now() + left }
    }
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
    let cloudwatch = CloudWatch::from_environment();
    let (state, cloudwatch, handle) = (&state, &cloudwatch, &handle);
    looped(function, cloudwatch, async |next: Next| {
        let seen = cloudwatch.seen(Seen::of_event(function, next.request_id));
        let Ok(event) = serde_json::from_slice(&next.event) else { return no_json(cloudwatch, &seen) };
        // Boxed, as the SDK's futures nest deeper than the compiler computes layouts.
        let done = Box::pin(handle(Arc::clone(state), Invocation::of(event, next.deadline)));
        logged(cloudwatch, seen, done).await
    })
    .await
}

/// What goes back to Lambda.
#[cfg(feature = "https")]
#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    /// To a client.
    Http(Reply),
    /// Into Lambda's log, at the most.
    Event(Value),
}

/// Serves both: what is no HTTP event goes to `handle_event`.
#[cfg(feature = "https")]
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
    let cloudwatch = CloudWatch::from_environment();
    let (live, cloudwatch, handle, handle_event) = (&live, &cloudwatch, &handle, &handle_event);
    looped(function, cloudwatch, async |next: Next| {
        let Ok(event) = serde_json::from_slice(&next.event) else {
            return no_json(cloudwatch, &cloudwatch.seen(Seen::of_event(function, next.request_id)));
        };
        let state = renewed(function, live, cloudwatch).await;
        if !Event::is_in(&event) {
            let seen = cloudwatch.seen(Seen::of_event(function, next.request_id));
            return logged(cloudwatch, seen, handle_event(state, event)).await.map(Answer::Event);
        }
        drop(event);
        Ok(Answer::Http(match Event::parse(next.event) {
            Ok(Event { request, shape }) => {
                let seen = cloudwatch.seen(Seen::of(function, next.request_id, &request));
                let response = handle(state, request).await;
                cloudwatch.write(&seen.line(&response));
                Reply::new(shape, response)
            }
            Err(_) => MalformedEvent.answer(cloudwatch, &cloudwatch.seen(Seen::of_event(function, next.request_id))),
        }))
    })
    .await
}

/// Logs what came of an event, and hands it on.
async fn logged<E>(
    cloudwatch: &CloudWatch,
    seen: Seen,
    done: impl Future<Output = Result<Value, E>>,
) -> Result<Value, Failure>
where
    E: EventFailure + Send + Sync + 'static,
{
    let outcome = done.await;
    cloudwatch.write(&seen.event_line(&outcome));
    outcome.map_err(|error| Failure::of(&error))
}

/// The end of what no service sends.
fn no_json<A>(cloudwatch: &CloudWatch, seen: &Seen) -> Result<A, Failure> {
    cloudwatch.write(&seen.event_line(&Err::<Value, _>(NoJson)));
    Err(Failure::of(&NoJson))
}

/// An emulator passes on whatever it is given; Lambda takes nothing but JSON.
#[derive(Debug, thiserror::Error)]
#[error("the event is no JSON; see infra/events for what the function takes")]
struct NoJson;

impl EventFailure for NoJson {}

fn ready<S>(function: &str, state: Result<S, StartError>) -> Option<Arc<S>> {
    state.map(Arc::new).inspect_err(|error| complain(function, "not_started", &error.to_string())).ok()
}

/// Says why a function is not, or no longer, there, in the format that Lambda's console has for it.
fn complain(function: &str, code: &str, reason: &str) {
    match environment("AWS_LAMBDA_LOG_FORMAT").as_deref() {
        Some("JSON") => log::print(line::fatal(function, code, reason, log::now())),
        _ => eprintln!("{function}: {reason}"),
    }
}

/// Answers events until there are no more.
async fn looped<F, A>(function: &'static str, cloudwatch: &CloudWatch, handle: impl Fn(Next) -> F) -> ExitCode
where
    F: Future<Output = Result<A, Failure>>,
    A: Serialize,
{
    let refused = |request_id, cause: String| {
        let seen = Seen::of_event(function, request_id);
        cloudwatch.write(&seen.notice(Level::Error, "answer_refused", vec![(CAUSE.into(), cause.into())]));
    };
    let Err(end) = runtime::run(environment("AWS_LAMBDA_RUNTIME_API"), refused, handle).await;
    complain(function, "runtime_ended", &format!("the function ends: {end}"));
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocation_ends_when_lambda_says_which_is_never_before_it_began() {
        let began = Instant::now();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let left = |deadline: Duration| {
            let deadline = u64::try_from(deadline.as_millis()).unwrap();
            Invocation::of(Value::Null, Some(deadline)).deadline.duration_since(began)
        };
        let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3_600));
        assert!((hour - minute..=hour).contains(&left(now + hour)));
        assert!(left(now - minute) < minute, "it is over");
        let maximum = LONGEST_INVOKE..LONGEST_INVOKE + minute;
        assert!(maximum.contains(&left(Duration::from_millis(600))), "no deadline that Lambda would send");
        assert!(maximum.contains(&Invocation::of(Value::Null, None).deadline.duration_since(began)));
    }
}

//! The only copy of `main`'s boilerplate: configuration, then lambda_runtime's loop, with a log line per request.

use std::{
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use lambda_http::{
    Adapter, Body, Context, LambdaEvent, Request, RequestExt, Response, Service,
    lambda_runtime::{self, Diagnostic},
    request::LambdaRequest,
    service_fn,
};
use satchel_core::{config::ConfigError, line};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    cloudwatch::CloudWatch,
    lambda_notices,
    log::{self, EventFailure, Seen},
    received::{MalformedEvent, Received},
};
#[cfg(feature = "secrets")]
use crate::{live::Live, received::is_meant_as_request};

/// What an invoke may take at the most (AWS: "Lambda quotas", function timeout). A deadline that is longer ago is none:
/// cargo-lambda's emulator sends one of 1970.
const LONGEST_INVOKE: Duration = Duration::from_secs(900);

/// The exit code for a configuration that cannot work.
pub const BAD_CONFIGURATION: u8 = 2;

/// What Lambda sets, and lambda_runtime panics without (AWS: "Defined runtime environment variables").
const LAMBDAS_OWN: [&str; 4] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
];

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

/// An event, and how long there is for it.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// What Lambda was invoked with.
    pub event: Value,
    /// When Lambda ends the function, finished or not (template.yaml: `Timeout`).
    pub deadline: Instant,
}

impl Invocation {
    /// The deadline comes in milliseconds since 1970.
    fn of(event: Value, deadline: u64) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let deadline = Some(Duration::from_millis(deadline)).filter(|at| *at + LONGEST_INVOKE > now);
        let left = deadline.map_or(LONGEST_INVOKE, |at| at.saturating_sub(now));
        Self { event, deadline: Instant::now() + left }
    }
}

/// What goes back to Lambda.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer<A> {
    /// To a client, in the shape of its event.
    Http(A),
    /// To whoever sent something else; into Lambda's log, at the most.
    Value(Value),
}

/// A function: its name, and where its lines go.
struct Edge {
    function: &'static str,
    cloudwatch: Arc<CloudWatch>,
}

impl Edge {
    fn new(function: &'static str) -> Self {
        Self { function, cloudwatch: Arc::new(CloudWatch::from_environment()) }
    }

    /// An event as it comes in.
    fn seen(&self, context: &Context) -> Seen {
        let seen = Seen::of_event(self.function, context.request_id.clone());
        self.cloudwatch.seen(seen.traced(context.xray_trace_id.as_deref()))
    }

    /// lambda_http around a handler and its lines. `state` gives the state of each request.
    fn http<'a, S, C, D, H, F>(
        &'a self,
        state: C,
        handle: &'a H,
    ) -> Adapter<
        'a,
        Response<Body>,
        impl Service<Request, Response = Response<Body>, Error = Diagnostic, Future: Send + 'a> + Clone,
    >
    where
        S: Send + Sync + 'static,
        C: Fn() -> D + Send + Sync + Clone + 'a,
        D: Future<Output = Arc<S>> + Send,
        H: Fn(Arc<S>, Request) -> F + Send + Sync,
        F: Future<Output = Response<Body>> + Send,
    {
        Adapter::from(service_fn(move |request: Request| {
            let state = state.clone();
            async move {
                let context = request.lambda_context();
                let seen = Seen::of(self.function, context.request_id, &request);
                let seen = self.cloudwatch.seen(seen.traced(context.xray_trace_id.as_deref()));
                let response = handle(state().await, request).await;
                self.cloudwatch.write(&seen.line(&response));
                Ok(response)
            }
        }))
    }

    /// Answers requests, and nothing else.
    async fn requests<A, R>(&self, http: A) -> ExitCode
    where
        A: Service<LambdaEvent<LambdaRequest>, Response = R, Error = Diagnostic> + Clone,
        R: Serialize,
    {
        self.looped(|LambdaEvent { payload, context }| {
            let mut http = http.clone();
            async move {
                match payload {
                    Received::Request(request) => {
                        http.call(LambdaEvent::new(*request, context)).await.map(Answer::Http)
                    }
                    Received::Other(_) => Ok(Answer::Value(self.malformed(&context))),
                }
            }
        })
        .await
    }

    /// Logs what is no request, as it is somebody's mistake in the set-up, and gives the answer to it.
    fn malformed(&self, context: &Context) -> Value {
        self.cloudwatch.write(&self.seen(context).event_line(&Err::<Value, _>(MalformedEvent)));
        MalformedEvent.answer()
    }

    /// The state, with the secrets of now as far as they can be read.
    #[cfg(feature = "secrets")]
    async fn renewed<S>(&self, live: &Live<S>) -> Arc<S> {
        let seen = Seen::of_event(self.function, String::new());
        if let Err(error) = live.renew().await {
            self.cloudwatch.write(&seen.event_line(&Err(error)));
        }
        live.state()
    }

    /// Logs what came of an event, and hands it on.
    async fn logged<E: EventFailure>(
        &self,
        seen: Seen,
        done: impl Future<Output = Result<Value, E>>,
    ) -> Result<Value, Diagnostic> {
        let outcome = done.await;
        self.cloudwatch.write(&seen.event_line(&outcome));
        outcome.map_err(|error| diagnostic(&error))
    }

    /// Answers events until there are no more.
    async fn looped<P, A, F>(&self, answer: impl Fn(LambdaEvent<P>) -> F) -> ExitCode
    where
        P: for<'de> Deserialize<'de>,
        F: Future<Output = Result<A, Diagnostic>>,
        A: Serialize,
    {
        if let Some(missing) = LAMBDAS_OWN.iter().find(|name| environment(name).is_none_or(|value| value.is_empty())) {
            let reason = format!(
                "{missing} is not set; this program is a Lambda function: deploy it, or have `cargo lambda watch` run it"
            );
            complain(self.function, "runtime_ended", &reason);
            return ExitCode::FAILURE;
        }
        lambda_notices::write(self.function, Arc::clone(&self.cloudwatch));
        let end = lambda_runtime::run(service_fn(answer)).await;
        let reason = end.map_or_else(|error| log::chain(&*error), |()| "there are no more events".to_owned());
        complain(
            self.function,
            "runtime_ended",
            &format!("the function ends: {reason}; Lambda starts another process"),
        );
        ExitCode::FAILURE
    }
}

/// Why an event has failed, as Lambda shows and keeps it.
fn diagnostic<E: EventFailure>(error: &E) -> Diagnostic {
    let name = std::any::type_name::<E>();
    Diagnostic { error_type: name.rsplit("::").next().unwrap_or(name).to_owned(), error_message: error.to_string() }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocation_ends_when_lambda_says_which_is_never_before_it_began() {
        let began = Instant::now();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let left = |deadline: Duration| {
            let deadline = u64::try_from(deadline.as_millis()).unwrap();
            Invocation::of(Value::Null, deadline).deadline.duration_since(began)
        };
        let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3_600));
        assert!((hour - minute..=hour).contains(&left(now + hour)));
        assert!(left(now - minute) < minute, "it is over");
        let maximum = LONGEST_INVOKE..LONGEST_INVOKE + minute;
        assert!(maximum.contains(&left(Duration::from_millis(600))), "no deadline that Lambda would send");
    }
}

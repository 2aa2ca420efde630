//! lambda_runtime's loop and lambda_http around a function's handler: each event is told apart, answered and logged.

use std::{process::ExitCode, sync::Arc};

use lambda_http::{
    Adapter, Body, Context, LambdaEvent, Request, RequestExt, Response, Service,
    lambda_runtime::{self, Diagnostic},
    request::LambdaRequest,
    service_fn,
};
use satchel_telemetry::line;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[cfg(feature = "secrets")]
use crate::live::Live;
use crate::{
    bootstrap::environment,
    cloudwatch::CloudWatch,
    lambda_notices,
    log::{self, EventFailure, Seen},
    received::{MalformedEvent, Received},
};

/// What Lambda sets, and lambda_runtime panics without (AWS: "Defined runtime environment variables").
const LAMBDAS_OWN: [&str; 4] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
];

/// What goes back to Lambda.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Answer<A> {
    /// To a client, in the shape of its event.
    Http(A),
    /// To whoever sent something else; into Lambda's log, at the most.
    Value(Value),
}

/// A function: its name, and where its lines go.
pub(crate) struct Edge {
    function: &'static str,
    cloudwatch: Arc<CloudWatch>,
}

impl Edge {
    pub(crate) fn new(function: &'static str) -> Self {
        Self { function, cloudwatch: Arc::new(CloudWatch::from_environment()) }
    }

    /// An event as it comes in.
    pub(crate) fn seen(&self, context: &Context) -> Seen {
        let seen = Seen::of_event(self.function, context.request_id.clone());
        self.cloudwatch.seen(seen.traced(context.xray_trace_id.as_deref()))
    }

    /// lambda_http around a handler and its lines. `state` gives the state of each request.
    pub(crate) fn http<'a, S, C, D, H, F>(
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
    pub(crate) async fn requests<A, R>(&self, http: A) -> ExitCode
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
    pub(crate) fn malformed(&self, context: &Context) -> Value {
        self.cloudwatch.write(&self.seen(context).event_line(&Err::<Value, _>(MalformedEvent)));
        MalformedEvent.answer()
    }

    /// The state, with the secrets of now as far as they can be read.
    #[cfg(feature = "secrets")]
    pub(crate) async fn renewed<S>(&self, live: &Live<S>) -> Arc<S> {
        let seen = Seen::of_event(self.function, String::new());
        if let Err(error) = live.renew().await {
            self.cloudwatch.write(&seen.event_line(&Err(error)));
        }
        live.state()
    }

    /// Logs what came of an event, and hands it on.
    pub(crate) async fn logged<E: EventFailure>(
        &self,
        seen: Seen,
        done: impl Future<Output = Result<Value, E>>,
    ) -> Result<Value, Diagnostic> {
        let outcome = done.await;
        self.cloudwatch.write(&seen.event_line(&outcome));
        outcome.map_err(|error| diagnostic(&error))
    }

    /// Answers events until there are no more.
    pub(crate) async fn looped<P, A, F>(&self, answer: impl Fn(LambdaEvent<P>) -> F) -> ExitCode
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

/// Says why a function is not, or no longer, there, in the format that Lambda's console has for it.
pub(crate) fn complain(function: &str, code: &str, reason: &str) {
    match environment("AWS_LAMBDA_LOG_FORMAT").as_deref() {
        Some("JSON") => log::print(line::fatal(function, code, reason, log::now())),
        _ => eprintln!("{function}: {reason}"),
    }
}

//! The loop of a function: the next event, its answer, and so on (AWS: "Using the Lambda runtime API for custom runtimes").
//!
//! lambda_runtime has an event in memory twice before anybody sees it, so that an upload of 4 MiB takes five times its
//! size. Here an event is read once, into a buffer that the handler gets for its own. What only other functions need is left
//! out: streamed answers, SnapStart, managed instances, and trace ids for X-Ray.

mod api;

use std::{
    any::Any,
    convert::Infallible,
    error::Error,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
};

use serde::Serialize;

use api::Api;

/// An event, as `/runtime/invocation/next` gives it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Next {
    /// What Lambda calls this invoke in its own log.
    pub(crate) request_id: String,
    /// When Lambda ends the function, in milliseconds since 1970. Some emulators do not say.
    pub(crate) deadline: Option<u64>,
    /// The event, JSON as a rule.
    pub(crate) event: Vec<u8>,
}

/// Why there is no answer to an event: Lambda shows it, keeps it, and delivers some events again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Failure {
    /// The name of an error.
    pub(crate) error_type: String,
    /// The sentence.
    pub(crate) error_message: String,
}

impl Failure {
    pub(crate) fn of<E: Error>(error: &E) -> Self {
        let name = std::any::type_name::<E>();
        let error_type = name.rsplit("::").next().unwrap_or(name).to_owned();
        Self { error_type, error_message: error.to_string() }
    }

    fn of_panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Self { error_type: "Panic".into(), error_message: text.unwrap_or("the function panicked").into() }
    }
}

/// Why the loop ends, and the process with it: Lambda starts another one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RuntimeError {
    /// Not in Lambda, nor in anything that plays it.
    #[error(
        "AWS_LAMBDA_RUNTIME_API is {0:?} and not the address of a Lambda runtime API; this program is a Lambda function: \
         deploy it, or have `cargo lambda watch` run it"
    )]
    Address(String),
    /// No connection.
    #[error(
        "no connection to the runtime API: {0}; Lambda starts another process, with an emulator see whether it runs"
    )]
    Connect(#[source] std::io::Error),
    /// It broke.
    #[error("the connection to the runtime API failed: {}; Lambda starts another process", chain(.0))]
    Connection(#[from] hyper::Error),
    /// The environment is done for.
    #[error("the runtime API gave status {0}; Lambda starts another process")]
    Status(http::StatusCode),
    /// No runtime API says that.
    #[error("the runtime API gave an event without a sound {0}; Lambda gives one: use another emulator")]
    Header(http::HeaderName),
}

/// hyper leaves out what an error came from.
fn chain(error: &hyper::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// What becomes of an answer that Lambda does not take, where the function goes on.
fn refused(status: http::StatusCode) -> String {
    let advice = match status.as_u16() {
        410 => "it came too late; raise the function's timeout",
        413 => "answers may have 6 MB; ask for less",
        _ => "whoever waits for it gets an error from Lambda",
    };
    format!("Lambda took no answer, status {status}: {advice}")
}

/// Answers events until the runtime API is gone. An answer that Lambda does not take is told to `complain`, with the event's
/// id.
pub(crate) async fn run<F, A>(
    address: Option<String>,
    complain: impl Fn(String, String),
    handle: impl Fn(Next) -> F,
) -> Result<Infallible, RuntimeError>
where
    F: Future<Output = Result<A, Failure>>,
    A: Serialize,
{
    let address = address.unwrap_or_default();
    let mut api = Api::at(&address).ok_or(RuntimeError::Address(address))?;
    loop {
        let Some((next, receipt)) = api.next().await? else { continue };
        let answer = caught(async { handle(next).await }).await;
        let written = answer.and_then(|answer| serde_json::to_vec(&answer).map_err(|error| Failure::of(&error)));
        let status = match written {
            Ok(answer) => api.respond(&receipt, answer).await?,
            Err(failure) => api.fail(&receipt, &failure).await?,
        };
        if !status.is_success() {
            complain(receipt.request_id, refused(status));
        }
    }
}

/// What a handler comes to; a panic is the end of its event, not of the process. (Packages of cargo-lambda, and with it SAM's,
/// are built to abort instead: there Lambda starts another process.)
async fn caught<A>(handled: impl Future<Output = Result<A, Failure>>) -> Result<A, Failure> {
    let mut handled = pin!(handled);
    poll_fn(|context| {
        // Nothing of what a handler borrows is broken by its end: configuration and clients, behind locks of their own.
        let polled = catch_unwind(AssertUnwindSafe(|| handled.as_mut().poll(context)));
        polled.unwrap_or_else(|panic| Poll::Ready(Err(Failure::of_panic(&*panic))))
    })
    .await
}

#[cfg(test)]
mod tests;

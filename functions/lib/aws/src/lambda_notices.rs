//! What lambda_runtime says by `tracing`, of events and answers that no handler gets to see: as lines, like all the rest.

use std::{
    fmt::Debug,
    sync::{Arc, Mutex, PoisonError},
};

use satchel_telemetry::{level::Level, line::CAUSE};
use serde_json::Value;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
    subscriber::set_global_default,
};

use crate::{
    cloudwatch::CloudWatch,
    log::{EventFailure, Seen},
};

/// An emulator passes on whatever it is given; Lambda takes nothing but JSON.
#[derive(Debug, thiserror::Error)]
#[error("the event is no JSON; see infra/events for what the function takes")]
struct NoJson;

impl EventFailure for NoJson {}

/// Writes what the runtime says from now on.
pub(crate) fn write(function: &'static str, cloudwatch: Arc<CloudWatch>) {
    // There is another one only if it has been asked for already.
    let _ = set_global_default(Notices { function, cloudwatch, request_id: Mutex::default() });
}

/// One event at a time.
struct Notices {
    function: &'static str,
    cloudwatch: Arc<CloudWatch>,
    /// Of the event that is being answered.
    request_id: Mutex<String>,
}

impl Subscriber for Notices {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let of_runtime = metadata.target().starts_with("lambda_runtime::layers::");
        of_runtime && (metadata.is_span() || *metadata.level() == tracing::Level::ERROR)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }

    /// The only one is that of an event.
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut said = Said::default();
        span.record(&mut said);
        *self.request_id.lock().unwrap_or_else(PoisonError::into_inner) = said.request_id.unwrap_or_default();
        Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        let mut said = Said::default();
        event.record(&mut said);
        let request_id = self.request_id.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let seen = Seen::of_event(self.function, request_id);
        match (event.metadata().target(), said.status) {
            ("lambda_runtime::layers::api_client", Some(status)) => {
                let cause = (CAUSE.into(), refused(&status).into());
                self.cloudwatch.write(&seen.notice(Level::Error, "answer_refused", vec![cause]));
            }
            ("lambda_runtime::layers::api_response", _) => {
                let seen = self.cloudwatch.seen(seen);
                self.cloudwatch.write(&seen.event_line(&Err::<Value, _>(NoJson)));
            }
            // Handlers write their own lines; whatever ends the loop is said at its end.
            _ => {}
        }
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// What becomes of an answer that Lambda does not take, where the function goes on.
fn refused(status: &str) -> String {
    let advice = match status.get(..3) {
        Some("410") => "it came too late; raise the function's timeout",
        Some("413") => "answers may have 6 MB; ask for less",
        _ => "whoever waits for it gets an error from Lambda",
    };
    format!("Lambda took no answer, status {status}: {advice}")
}

/// The fields that count.
#[derive(Default)]
struct Said {
    request_id: Option<String>,
    status: Option<String>,
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "requestId" => self.request_id = Some(value.to_owned()),
            "status" => self.status = Some(value.to_owned()),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

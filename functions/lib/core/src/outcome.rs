//! How a request or event ended, as its line says it: decided where the answer is, written by whoever logs. Tokens, presigned
//! URLs, bodies and JIDs never get here.

use std::{borrow::Cow, error::Error};

use serde_json::Value;

use crate::{grant::OwnerId, problem::Problem};

/// What a function has noted, under its name.
pub type Field = (Cow<'static, str>, Value);

/// The field that says what has failed.
pub const CAUSE: &str = "cause";
/// The field that says why a request was refused.
pub const REASON: &str = "reason";

/// How it ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Stable, for logs and metrics.
    pub code: &'static str,
    /// What was noted, in its order.
    pub fields: Vec<Field>,
}

impl Outcome {
    /// An outcome of which nothing is noted yet.
    #[must_use]
    pub const fn new(code: &'static str) -> Self {
        Self { code, fields: Vec::new() }
    }

    /// The outcome of an event: what its function counted, and why it failed.
    pub fn of_event<E: EventFailure + ?Sized>(outcome: Result<&Value, &E>) -> Self {
        match outcome {
            Ok(done) => Self { code: "done", fields: fields(done) },
            Err(error) => {
                let mut fields = error.done().as_ref().map(fields).unwrap_or_default();
                fields.push((CAUSE.into(), error.to_string().into()));
                Self { code: "failed", fields }
            }
        }
    }

    /// Adds a field, instead of one of that name.
    pub fn note(&mut self, field: &'static str, value: impl Into<Value>) {
        self.fields.retain(|(name, _)| name != field);
        self.fields.push((field.into(), value.into()));
    }

    /// Whether something is noted under this name.
    #[must_use]
    pub fn has(&self, field: &str) -> bool {
        self.fields.iter().any(|(name, _)| name == field)
    }

    /// Adds what a request for an upload has tried, as far as it says: the protocol of its token, and a file of so many bytes.
    /// Refusals need it most.
    pub fn note_attempt(&mut self, protocol: Option<&'static str>, size: Option<u64>) {
        if let Some(protocol) = protocol {
            self.note("protocol", protocol);
        }
        if let Some(size) = size {
            self.note("size_bytes", size);
        }
    }

    /// Adds whose file it is, where that is known: eight digits of an id that is keyed, enough to see what belongs together.
    pub fn note_owner(&mut self, owner: Option<OwnerId>) {
        if let Some(owner) = owner {
            self.note("owner", &owner.to_hex()[..8]);
        }
    }

    /// Adds that an upload of so many bytes has been sealed on the way.
    pub fn note_sealed(&mut self, size: u64) {
        self.note("sealed", 1);
        self.note("sealed_bytes", size);
    }
}

/// What an event has come to, as fields.
fn fields(done: &Value) -> Vec<Field> {
    match done {
        Value::Object(counts) => counts.iter().map(|(name, value)| (name.clone().into(), value.clone())).collect(),
        other => vec![("outcome".into(), other.clone())],
    }
}

/// Why a request was not done as asked: what its client is told, and what its line says, in one place.
pub trait Failure: Error {
    /// Status, stable code and sentence.
    fn problem(&self) -> Problem;

    /// What the line says beyond the code: as a rule, what the client is told.
    fn fields(&self) -> Vec<Field> {
        reason(&format_args!("{self}"))
    }
}

/// The field that says why, in the words of the client's answer.
pub fn reason(said: &(impl ToString + ?Sized)) -> Vec<Field> {
    vec![(REASON.into(), said.to_string().into())]
}

/// The field that says what a store, or whatever else is not the client's, has said.
pub fn cause(said: &(impl ToString + ?Sized)) -> Vec<Field> {
    vec![(CAUSE.into(), said.to_string().into())]
}

/// Why an event is not done with.
pub trait EventFailure: Error {
    /// What is done all the same, as a success would say it: it counts, as another delivery of the event does not do it
    /// again.
    fn done(&self) -> Option<Value> {
        None
    }
}

impl<E: EventFailure + ?Sized> EventFailure for &E {
    fn done(&self) -> Option<Value> {
        (**self).done()
    }
}

/// An error and what it came from, which the messages of some leave out.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

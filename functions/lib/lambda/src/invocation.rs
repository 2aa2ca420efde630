//! Events that nobody waits for, and how long there is for them.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

/// What an invoke may take at the most (AWS: "Lambda quotas", function timeout). A deadline that is longer ago is none:
/// cargo-lambda's emulator sends one of 1970.
const LONGEST_INVOKE: Duration = Duration::from_secs(900);

/// An event, and how long there is for it.
#[derive(Debug, Clone)]
pub(crate) struct Invocation {
    /// What Lambda was invoked with.
    pub(crate) event: Value,
    /// When Lambda ends the function, finished or not (template.yaml: `Timeout`).
    pub(crate) deadline: Instant,
}

impl Invocation {
    /// The deadline comes in milliseconds since 1970.
    pub(crate) fn of(event: Value, deadline: u64) -> Self {
        // Before the other clock: a thread that is kept waiting between them takes too little time for what it does, not too much.
        let began = Instant::now();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let deadline = Some(Duration::from_millis(deadline)).filter(|at| *at + LONGEST_INVOKE > now);
        let left = deadline.map_or(LONGEST_INVOKE, |at| at.saturating_sub(now));
        Self { event, deadline: began + left }
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
        assert!((hour - minute..hour + minute).contains(&left(now + hour)), "as far as two clocks agree");
        assert!(left(now - minute) < minute, "it is over");
        let maximum = LONGEST_INVOKE..LONGEST_INVOKE + minute;
        assert!(maximum.contains(&left(Duration::from_millis(600))), "no deadline that Lambda would send");
    }
}

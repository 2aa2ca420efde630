//! What a run of `expire` is asked to do.

use serde_json::Value;

/// What a run is to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Order {
    /// Report what would be deleted, and delete nothing.
    pub dry_run: bool,
}

/// The event asks for a dry run in a way that may not be meant so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("dry_run is {0}; it can be true or false. Nothing was deleted")]
pub struct OrderError(Value);

impl Order {
    /// Reads an event: `{"dry_run": true}`; anything without `dry_run`, such as a schedule's event, is a real run.
    ///
    /// # Errors
    /// A `dry_run` that is neither true nor false must not become a real run.
    pub fn parse(event: &Value) -> Result<Self, OrderError> {
        match event.get("dry_run") {
            None => Ok(Self::default()),
            Some(Value::Bool(dry_run)) => Ok(Self { dry_run: *dry_run }),
            Some(other) => Err(OrderError(other.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_plain_true_is_a_dry_run_and_nothing_unclear_a_real_one() {
        for (event, dry_run) in [
            (json!({"dry_run": true}), Some(true)),
            (json!({"dry_run": false}), Some(false)),
            (json!({}), Some(false)),
            (json!(null), Some(false)),
            (json!({"source": "aws.scheduler"}), Some(false)),
            (json!({"dry_run": "true"}), None),
            (json!({"dry_run": 1}), None),
            (json!({"dry_run": null}), None),
        ] {
            assert_eq!(Order::parse(&event).ok().map(|order| order.dry_run), dry_run, "{event}");
        }
    }
}

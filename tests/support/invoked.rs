//! Lambda's events, as a function gets to see them.

use bytes::Bytes;
use satchel_core::head::RawHead;
use serde_json::Value;

/// What a function gets to see of an event.
pub fn invoked(event: &Value) -> (RawHead, Bytes) {
    satchel_lambda::event::read(satchel_lambda::received::request(&event.to_string()).unwrap())
}

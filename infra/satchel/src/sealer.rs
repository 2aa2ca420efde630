//! The bucket's notifications: what the embedded S3 says of new objects goes to the function `seal`, as S3 would
//! send it.

use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use satchel_folder::{ObjectCreated, Receiver};
use satchel_telemetry::arrival::Seen;
use serde_json::{Value, json};

use crate::{functions::Functions, journal::Journal, request_id::request_id};

/// What the template's rule matches.
const PREFIX: &str = "incoming/";

const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'/');

/// Delivers events until the store is gone. What fails is sealed on demand, with the first download.
pub async fn run(functions: Arc<Functions>, mut events: Receiver, journal: Arc<Journal>) {
    while let Some(created) = events.recv().await {
        if !created.key.starts_with(PREFIX) {
            continue;
        }
        let seen = journal.noting_cold_start(Seen::of_event("seal", request_id()));
        let sealed = satchel_seal::handle(functions.seal(), json!({"Records": [record(&created)]})).await;
        journal.write(&seen.event_line(&sealed));
    }
}

/// AWS: "Event message structure".
pub(crate) fn record(created: &ObjectCreated) -> Value {
    let key = utf8_percent_encode(&created.key, ESCAPED).to_string();
    json!({
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": created.by.event_name(),
        "s3": {
            "bucket": {"name": created.bucket},
            "object": {"key": key, "size": created.size, "eTag": created.etag},
        },
    })
}

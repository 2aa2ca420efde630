//! Rosters that have been written, told to Prosody by the function `roster-refresh`.

use std::sync::Arc;

use satchel_folder::Receiver;
use satchel_telemetry::arrival::Seen;
use serde_json::json;

use crate::{functions::Functions, journal::Journal, request_id::request_id, sealer::record};

/// What the template's rule matches.
const PREFIX: &str = "rosters/";
/// Events that are handled together.
const EVENTS: usize = 1_000;

/// Tells `roster-refresh` of rosters that have been written, until the store is gone; all that came while it was busy at
/// once. What fails is told with the user's next edit or login.
pub async fn run(functions: Arc<Functions>, mut events: Receiver, journal: Arc<Journal>) {
    let Some(refresh) = functions.rosters().refresh() else { return };
    let mut pending = Vec::new();
    while events.recv_many(&mut pending, EVENTS).await > 0 {
        let written = pending.drain(..).filter(|created| created.key.starts_with(PREFIX));
        let records: Vec<_> = written.map(|created| record(&created)).collect();
        if records.is_empty() {
            continue;
        }
        let seen = journal.noting_cold_start(Seen::of_event("roster-refresh", request_id()));
        let told = satchel_roster_refresh::handle_event(refresh, json!({"Records": records})).await;
        journal.write(&seen.event_line(&told));
    }
}

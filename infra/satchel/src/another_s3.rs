//! Another S3 than AWS's: whether it keeps conditions is found out once it answers, and said where it does not.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use satchel_aws::storage::Storage;
use satchel_core::outcome::REASON;
use satchel_telemetry::{level::Level, sink::Sink};
use tokio::{task::JoinHandle, time::timeout};
use url::Url;

use crate::{notices::notice, request_id::request_id};

/// How long a start waits for the answer; the search goes on beside it.
const FIRST_WAIT: Duration = Duration::from_secs(3);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// What an operator must know of such a store.
const UNCONDITIONAL: &str = "This S3 ignores the conditions of writes: of two uploads to one address at the same moment \
                             the later one may replace the first, and simultaneous edits of a roster may get lost";

/// What has turned out about a store after the start, for the status page.
pub type Caveat = Arc<OnceLock<&'static str>>;

/// A store of which nothing is taken for granted, unless it is AWS's own.
#[must_use]
pub fn met(storage: Storage, endpoint: &str) -> Storage {
    if is_aws(endpoint) { storage } else { storage.doubting_conditions() }
}

fn is_aws(endpoint: &str) -> bool {
    let url = Url::parse(endpoint).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"].iter().any(|end| host.ends_with(end))
}

/// Finds out how it behaves, where that is not known. Gives what is still at it after a moment, should the S3 not answer
/// so soon.
pub async fn find_out(storage: &Storage, notices: Sink, caveat: Caveat, patience: Duration) -> Option<JoinHandle<()>> {
    if storage.trusts_conditions() {
        return None;
    }
    let mut asking = tokio::spawn(ask(storage.clone(), notices, caveat));
    timeout(FIRST_WAIT.min(patience), &mut asking).await.is_err().then_some(asking)
}

async fn ask(storage: Storage, notices: Sink, caveat: Caveat) {
    let mut pause = FIRST_PAUSE;
    loop {
        match storage.probe_conditions(&request_id()).await {
            Ok(Some(false)) => {
                let _ = caveat.set(UNCONDITIONAL);
                return notices.write(&notice(Level::Warn, "conditions_ignored", [(REASON, UNCONDITIONAL.into())]));
            }
            // Whoever may not write there at all has nothing to lose.
            Ok(Some(true) | None) => return,
            Err(error) if pause == FIRST_PAUSE => {
                let reason = format!("the file store does not answer yet: {error}");
                notices.write(&notice(Level::Warn, "storage_unavailable", [(REASON, reason.into())]));
            }
            Err(_) => {}
        }
        tokio::time::sleep(pause).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

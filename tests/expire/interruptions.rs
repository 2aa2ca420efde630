//! Runs that are killed, out of time or not alone, and an S3 that refuses: it comes right in the end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use satchel_expire::{ExpireError, Options, order::Order, report::Summary};
use satchel_telemetry::{arrival::Seen, metrics};
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{
    BUCKET,
    proxy::{Fault, Proxy},
    shelf::{DAY, HOUR, NOW, Shelf, entry, run, tally},
};

#[tokio::test]
async fn a_run_that_is_killed_midway_leaves_the_rest_to_the_next() {
    for kill_at in 1..=17 {
        let shelf = Shelf::mixed().await;
        shelf.set_clock(NOW + HOUR);
        let script = move |number, _: &str| if number == kill_at { Fault::Hang } else { Fault::Pass };
        let proxy = Proxy::start(shelf.address, shelf.client.clone(), script).await;
        let state = shelf.state(proxy.address, &[]);
        let killed = tokio::spawn(async move { run(&state, false).await });
        proxy.hung.notified().await;
        killed.abort();
        assert!(killed.await.unwrap_err().is_cancelled(), "request {kill_at}");
        let left = shelf.files().await;
        for number in 0..10 {
            let (file, entry) =
                (format!("uploads/u/due{number}"), entry(NOW + number, &format!("uploads/u/due{number}")));
            assert!(left.contains(&entry) || !left.contains(&file), "{file} would be forgotten: request {kill_at}");
        }
        assert_eq!(left.iter().filter(|key| !key.contains("due")).count(), 21, "request {kill_at}");
        assert_eq!(shelf.run(NOW + 2 * HOUR).await.errors, 0, "request {kill_at}");
        shelf.assert_settled(&format!("request {kill_at}")).await;
        proxy.stop();
        shelf.stop().await;
    }
}

#[tokio::test]
async fn a_run_that_is_out_of_time_begins_nothing_more_and_the_next_goes_on() {
    for calls in [0, 1, 2, 3, 5, 8, 12, 13, 14, 16, 20, 40] {
        let shelf = Shelf::mixed().await;
        shelf.set_clock(NOW + HOUR);
        let state = shelf.state(shelf.address, &[]);
        let asked = AtomicUsize::new(0);
        let is_over = || asked.fetch_add(1, Ordering::SeqCst) >= calls;
        let options = Options { count_all: false, is_over: &is_over, watch: &mut |_| {} };
        let first = Box::pin(satchel_expire::run(&state, Order::default(), options)).await.unwrap();
        assert_eq!(first.errors, 0, "{calls}");
        assert_eq!(shelf.report(&first).await.len() as u64, first.expired.objects + 1, "{calls}");
        let second = shelf.run(NOW + HOUR).await;
        assert!(second.complete, "{calls}");
        assert_eq!(first.expired.objects + second.expired.objects, 10, "{calls}: {first:?} {second:?}");
        assert!(calls > 0 || (!first.complete && first.expired == tally(0, 0)), "{first:?}");
        shelf.assert_settled(&format!("{calls} calls")).await;
        shelf.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_runs_at_once_each_counts_only_what_it_deleted() {
    for round in 0..5 {
        let shelf = Shelf::mixed().await;
        shelf.put("incoming/u/a", b"hello", None).await;
        shelf.client.create_multipart_upload().bucket(BUCKET).key("uploads/u/m").send().await.unwrap();
        shelf.set_clock(NOW + DAY - 1);
        let mut runs = JoinSet::new();
        for _ in 0..4 {
            shelf.set_clock(NOW + DAY);
            let state = shelf.state(shelf.address, &[]);
            runs.spawn(async move { run(&state, false).await });
        }
        let summaries = runs.join_all().await;
        let sum = |count: fn(&Summary) -> u64| summaries.iter().map(count).sum::<u64>();
        assert_eq!(sum(|run| run.errors), 0, "{round}: {summaries:?}");
        assert_eq!(sum(|run| run.expired.objects), 11, "{round}: {summaries:?}");
        assert_eq!(sum(|run| run.abandoned.objects), 1, "{round}: {summaries:?}");
        assert_eq!(sum(|run| run.multipart_uploads), 1, "{round}: {summaries:?}");
        assert_eq!(shelf.run(NOW + DAY).await.expired, tally(0, 0), "{round}");
        let left = shelf.keys("uploads/").await;
        assert_eq!(left.len(), 10, "{round}: {left:?}");
        shelf.stop().await;
    }
}

#[tokio::test]
async fn an_s3_that_is_busy_is_asked_again() {
    let shelf = Shelf::mixed().await;
    shelf.set_clock(NOW + HOUR);
    let script =
        |number: usize, _: &str| if number.is_multiple_of(3) { Fault::Refuse(503, "SlowDown") } else { Fault::Pass };
    let proxy = Proxy::start(shelf.address, shelf.client.clone(), script).await;
    let summary = run(&shelf.state(proxy.address, &[]), false).await;
    assert_eq!((summary.errors, summary.expired), (0, tally(10, 50)), "{summary:?}");
    shelf.assert_settled("busy").await;
    proxy.stop();
    shelf.stop().await;
}

#[tokio::test]
async fn what_a_batch_refuses_is_reported_and_left_for_the_next_run() {
    for (name, refused, code, tried_again) in [
        ("an object", "uploads/u/due3", "AccessDenied", false),
        ("an entry", "/0003/uploads/u/due3", "AccessDenied", false),
        ("an object that S3 was busy for", "uploads/u/due3", "SlowDown", true),
    ] {
        let shelf = Shelf::mixed().await;
        shelf.set_clock(NOW + HOUR);
        let batches = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&batches);
        let script = move |_, line: &str| {
            if !line.contains("?delete") {
                return Fault::Pass;
            }
            counter.fetch_add(1, Ordering::SeqCst);
            Fault::RefuseKeys(refused, code)
        };
        let proxy = Proxy::start(shelf.address, shelf.client.clone(), script).await;
        let summary = run(&shelf.state(proxy.address, &[]), false).await;
        assert_eq!(summary.errors, 1, "{name}: {summary:?}");
        assert!(summary.last_error.as_ref().unwrap().contains(code), "{name}");
        let report = shelf.report(&summary).await;
        let failed: Vec<_> = report.iter().filter(|line| line["outcome"] == "failed").collect();
        assert_eq!(failed.len(), 1, "{name}");
        assert!(failed[0]["key"].as_str().unwrap().contains(refused), "{name}");
        assert_eq!(batches.load(Ordering::SeqCst) > 2, tried_again, "{name}");
        assert!(shelf.keys("expiry/").await.contains(&entry(NOW + 3, "uploads/u/due3")), "{name}");
        shelf.run(NOW + 2 * HOUR).await;
        shelf.assert_settled(name).await;
        proxy.stop();
        shelf.stop().await;
    }
}

#[tokio::test]
async fn keys_that_s3_was_too_busy_for_are_deleted_by_the_same_run() {
    let shelf = Shelf::mixed().await;
    shelf.set_clock(NOW + HOUR);
    let batches = AtomicUsize::new(0);
    let script = move |_, line: &str| {
        let first = line.contains("?delete") && batches.fetch_add(1, Ordering::SeqCst) == 0;
        if first { Fault::RefuseKeys("due", "InternalError") } else { Fault::Pass }
    };
    let proxy = Proxy::start(shelf.address, shelf.client.clone(), script).await;
    let summary = run(&shelf.state(proxy.address, &[]), false).await;
    assert_eq!((summary.errors, summary.expired), (0, tally(10, 50)), "{summary:?}");
    shelf.assert_settled("InternalError").await;
    proxy.stop();
    shelf.stop().await;
}

#[tokio::test]
async fn an_s3_that_refuses_is_never_taken_for_one_that_has_done_it() {
    for (name, operation) in [("listing", "GET"), ("looking", "HEAD"), ("deleting", "POST"), ("reporting", "PUT")] {
        let shelf = Shelf::mixed().await;
        shelf.set_clock(NOW + HOUR);
        let script = move |_, line: &str| {
            if line.starts_with(operation) { Fault::Refuse(403, "AccessDenied") } else { Fault::Pass }
        };
        let proxy = Proxy::start(shelf.address, shelf.client.clone(), script).await;
        let state = shelf.state(proxy.address, &[]);
        let deadline = Instant::now() + Duration::from_secs(900);
        let outcome = satchel_expire::handle(&state, &json!({}), deadline).await;
        let line = Seen::of_event("expire", String::new()).event_line(&outcome);
        let Err(ExpireError::Incomplete(summary)) = outcome else { panic!("{name}: {outcome:?}") };
        let counted = metrics::measures(&line).find(|measure| measure.metric.name == "expired_objects");
        #[expect(clippy::cast_precision_loss, reason = "a few dozen")]
        let deleted = (summary.expired.objects + summary.over_limit.objects) as f64;
        assert_eq!(counted.map_or(0.0, |measure| measure.value), deleted, "{name}");
        assert!(summary.errors > 0, "{name}");
        assert_eq!(summary.expired.objects * 2, 41 - shelf.files().await.len() as u64, "{name}");
        assert_eq!(shelf.keys("uploads/u/later").await.len(), 10, "{name}");
        shelf.run(NOW + 2 * HOUR).await;
        shelf.assert_settled(name).await;
        proxy.stop();
        shelf.stop().await;
    }
}

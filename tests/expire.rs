//! `expire`: what goes, what stays, and that nothing stops it from coming right in the end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{StreamExt, TryStreamExt, stream};
use satchel_core::{object_key::Key, time::Timestamp};
use satchel_expire::{
    ExpireError, Options,
    order::Order,
    report::{Summary, Tally},
};
use satchel_store::Upkeep as _;
use satchel_telemetry::{arrival::Seen, metrics};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{
    BUCKET,
    proxy::{Fault, Proxy},
    shelf::{DAY, HOUR, NOW, Shelf, entry, run},
};

fn tally(objects: u64, bytes: u64) -> Tally {
    Tally { objects, bytes }
}

/// What is there besides reports.
async fn files(shelf: &Shelf) -> Vec<String> {
    shelf.keys("").await.into_iter().filter(|key| !key.starts_with("reports/")).collect()
}

#[tokio::test]
async fn a_file_goes_with_the_second_of_its_expiry() {
    let expires = NOW + 10 * HOUR;
    for (name, at, gone) in [("before", expires - 1, false), ("at", expires, true), ("after", expires + 1, true)] {
        let shelf = Shelf::start().await;
        shelf.file("uploads/u/a", b"hello", expires).await;
        shelf.file("uploads/u/later", b"hello", expires + DAY).await;
        let summary = shelf.run(at).await;
        assert_eq!(summary.expired, if gone { tally(1, 5) } else { tally(0, 0) }, "{name}");
        assert!(summary.complete && summary.errors == 0, "{name}: {summary:?}");
        assert_eq!(shelf.keys("uploads/u/a").await.is_empty(), gone, "{name}");
        assert_eq!(shelf.keys("expiry/").await.len(), if gone { 1 } else { 2 }, "{name}");
        assert_eq!(shelf.keys("uploads/u/later").await.len(), 1, "{name}");
        shelf.stop().await;
    }
}

#[tokio::test]
async fn files_of_every_purpose_but_permanent_go() {
    let shelf = Shelf::start().await;
    let keys = ["uploads/u/a", "uploads-profile/u.profile/a", "uploads-ephemeral/u.ephemeral/a"];
    for key in keys {
        shelf.file(key, b"hello", NOW).await;
    }
    let permanent = "uploads-permanent/u.permanent/a";
    shelf.file(permanent, b"hello", NOW).await;
    let summary = shelf.run(NOW + HOUR).await;
    assert_eq!(summary.expired, tally(3, 15));
    assert_eq!(files(&shelf).await, [entry(NOW, permanent), permanent.to_owned()]);
    shelf.stop().await;
}

#[tokio::test]
async fn the_work_is_proportional_to_what_is_due() {
    let shelf = Shelf::start().await;
    let expires = |number| if number < 50 { NOW } else { NOW + DAY + number };
    shelf.fill((0..1_200).map(|number| (format!("uploads/u/{number:04}"), expires(number)))).await;
    let before = shelf.requests.by_operation();
    let summary = shelf.run(NOW + HOUR).await;
    assert_eq!(summary.expired, tally(50, 50));
    let spent = |operation: &str| shelf.requests.count(operation) - before.get(operation).copied().unwrap_or_default();
    let counts = ["ListObjectsV2", "HeadObject", "DeleteObjects", "ListMultipartUploads", "PutObject"].map(spent);
    // One page of the index, incoming/, resuming/; a look at each; objects, then entries; the report.
    assert_eq!(counts, [3, 50, 2, 1, 1]);
    assert_eq!(shelf.requests.total() - before.values().sum::<u64>(), 57, "and nothing else");
    shelf.stop().await;
}

#[tokio::test]
async fn the_report_has_a_line_for_each_object_and_a_summary() {
    let shelf = Shelf::start().await;
    shelf.file("uploads/u/a \"b\"", b"hello", NOW + 60).await;
    shelf.set_clock(NOW + 30);
    shelf.file("uploads/u/c", b"worlds", NOW + 61).await;
    let summary = shelf.run(NOW + 61).await;
    let mut report = shelf.report(&summary).await;
    let last = report.pop().unwrap();
    report.sort_by_key(|line| line["key"].to_string());
    let line = |key: &str, bytes: u64, stored: &str, expires: &str| {
        json!({
            "key": key, "bytes": bytes, "reason": "expired", "outcome": "deleted",
            "stored": stored, "expires": expires,
        })
    };
    let expected = [
        line("uploads/u/a \"b\"", 5, "2027-01-15T08:00:00Z", "2027-01-15T08:01:00Z"),
        line("uploads/u/c", 6, "2027-01-15T08:00:30Z", "2027-01-15T08:01:01Z"),
    ];
    assert_eq!(report, expected);
    assert_eq!(last, json!({ "summary": summary }));
    assert_eq!(last["summary"]["oldest"], "2027-01-15T08:00:00Z");
    assert_eq!(last["summary"]["newest"], "2027-01-15T08:00:30Z");
    assert_eq!(last["summary"]["expired"], json!({"objects": 2, "bytes": 11}));
    shelf.stop().await;
}

#[tokio::test]
async fn a_report_of_any_length_is_written_whole() {
    for (name, lines, parts) in
        [("nothing", 0, 0), ("one request", 4, 0), ("a part and nothing", 5, 1), ("parts", 12, 3)]
    {
        let shelf = Shelf::start().await;
        let key = Key::of_report(Timestamp::from_seconds(NOW), "run");
        let mut report = shelf.state(shelf.address, &[]).store.report(key.clone());
        let mut written = String::new();
        for number in 0..lines {
            let line = format!("{number}{}", "x".repeat(1 << 20));
            report.add(&line);
            report.flush().await.unwrap();
            written += &line;
            written.push('\n');
        }
        assert!(shelf.keys("reports/").await.is_empty(), "{name}: not before its end");
        report.finish().await.unwrap();
        let got = shelf.client.get_object().bucket(BUCKET).key(key.as_str()).send().await.unwrap();
        assert!(got.body.collect().await.unwrap().to_vec() == written.as_bytes(), "{name}");
        assert_eq!(shelf.requests.count("UploadPart"), parts, "{name}");
        shelf.stop().await;
    }
}

#[tokio::test]
async fn a_dry_run_writes_the_report_only() {
    let shelf = Shelf::start().await;
    shelf.file("uploads/u/due", b"hello", NOW).await;
    shelf.file("uploads/u/later", b"hello", NOW + DAY).await;
    shelf.note(NOW, "uploads/u/gone").await;
    shelf.put("incoming/u/a", b"hello", None).await;
    let upload = shelf.client.create_multipart_upload().bucket(BUCKET).key("uploads/u/m").send().await.unwrap();
    shelf.set_clock(NOW + DAY - 1);
    shelf.put("uploads/u/new", b"hello", None).await;
    let before = files(&shelf).await;
    shelf.set_clock(NOW + DAY);
    let summary = shelf.run_within(6, true).await;
    assert_eq!(files(&shelf).await, before);
    assert!(summary.dry_run && summary.errors == 0, "{summary:?}");
    // "due" and "later" are due by now; of the others there is room for one.
    assert_eq!((summary.expired, summary.over_limit), (tally(2, 10), tally(0, 0)));
    assert_eq!((summary.abandoned, summary.multipart_uploads, summary.stale_entries), (tally(1, 5), 1, 1));
    assert_eq!(summary.left, Some(tally(1, 5)));
    let report = shelf.report(&summary).await;
    assert!(report[..5].iter().all(|line| line["outcome"] == "would_delete"), "{report:?}");
    let parts = shelf.client.list_parts().bucket(BUCKET).key("uploads/u/m").upload_id(upload.upload_id.unwrap());
    assert!(parts.send().await.is_ok(), "the upload can go on");
    shelf.stop().await;
}

#[tokio::test]
async fn unfinished_uploads_take_up_room() {
    let shelf = Shelf::start().await;
    for (key, stored) in [("uploads/u/old", NOW), ("uploads/u/new", NOW + 1)] {
        shelf.set_clock(stored);
        shelf.put(key, b"hello", None).await;
    }
    let upload = shelf.client.create_multipart_upload().bucket(BUCKET).key("uploads/u/m").send().await.unwrap();
    let part = shelf.client.upload_part().bucket(BUCKET).key("uploads/u/m").set_upload_id(upload.upload_id);
    part.part_number(1).body(vec![0; 100].into()).send().await.unwrap();
    shelf.put("resuming/a", b"worlds", None).await;
    let all = shelf.run_within(116, false).await;
    assert_eq!((all.over_limit, all.left, all.unfinished), (tally(0, 0), Some(tally(2, 10)), Some(tally(2, 106))));
    let less = shelf.run_within(115, false).await;
    assert_eq!((less.over_limit, less.left, less.unfinished), (tally(1, 5), Some(tally(1, 5)), Some(tally(2, 106))));
    assert_eq!(shelf.keys("uploads/").await, ["uploads/u/new"]);
    shelf.set_clock(NOW + 1 + DAY);
    let later = shelf.run_within(5, false).await;
    assert_eq!((later.over_limit, later.abandoned, later.multipart_uploads), (tally(0, 0), tally(1, 6), 1));
    assert_eq!(later.unfinished, Some(tally(0, 0)), "room is counted once leftovers are gone");
    shelf.stop().await;
}

#[tokio::test]
async fn entries_that_lie_delete_nothing() {
    let shelf = Shelf::start().await;
    for (key, expires) in [("uploads/u/never", None), ("uploads/u/later", Some(NOW + DAY)), ("uploads/u/due", Some(5))]
    {
        shelf.put(key, b"hello", expires).await;
        shelf.note(NOW, key).await;
    }
    // Another upload was faster and expires later.
    let entry_of_later = shelf.note(NOW + DAY, "uploads/u/later").await;
    shelf.note(NOW, "uploads/u/gone").await;
    shelf.put("expiry/notes.txt", b"of somebody's own", None).await;
    let summary = shelf.run(NOW + HOUR).await;
    assert_eq!((summary.expired, summary.stale_entries), (tally(1, 5), 3), "expired by its own word: due");
    let left = [entry_of_later.as_str(), "expiry/notes.txt", "uploads/u/later", "uploads/u/never"];
    assert_eq!(files(&shelf).await, left);
    shelf.stop().await;
}

#[tokio::test]
async fn an_entry_waits_for_an_object_that_may_be_on_its_way() {
    let shelf = Shelf::start().await;
    let entry = shelf.note(NOW - 1, "uploads/u/a").await;
    assert_eq!(shelf.run(NOW + HOUR - 1).await.stale_entries, 0);
    assert_eq!(shelf.keys("expiry/").await, [entry]);
    shelf.put("uploads/u/a", b"hello", Some(NOW - 1)).await;
    assert_eq!(shelf.run(NOW + HOUR).await.expired, tally(1, 5));
    assert_eq!(files(&shelf).await, [] as [&str; 0]);
    shelf.stop().await;
}

/// Ten files that are due, among files that are not.
async fn mixed() -> Shelf {
    let shelf = Shelf::start().await;
    for number in 0..10 {
        shelf.file(&format!("uploads/u/due{number}"), b"hello", NOW + number).await;
        shelf.file(&format!("uploads/u/later{number}"), b"hello", NOW + DAY + number).await;
    }
    shelf.put("uploads/u/kept", b"hello", None).await;
    shelf
}

/// What is left of [`mixed`] when all is well.
async fn assert_settled(shelf: &Shelf, name: &str) {
    let left = files(shelf).await;
    assert_eq!(left.len(), 21, "{name}: {left:?}");
    assert!(left.iter().all(|key| !key.contains("due")), "{name}: {left:?}");
}

#[tokio::test]
async fn a_run_that_is_killed_midway_leaves_the_rest_to_the_next() {
    for kill_at in 1..=17 {
        let shelf = mixed().await;
        shelf.set_clock(NOW + HOUR);
        let script = move |number, _: &str| if number == kill_at { Fault::Hang } else { Fault::Pass };
        let proxy = Proxy::start(shelf.address, shelf.client.clone(), script).await;
        let state = shelf.state(proxy.address, &[]);
        let killed = tokio::spawn(async move { run(&state, false).await });
        proxy.hung.notified().await;
        killed.abort();
        assert!(killed.await.unwrap_err().is_cancelled(), "request {kill_at}");
        let left = files(&shelf).await;
        for number in 0..10 {
            let (file, entry) =
                (format!("uploads/u/due{number}"), entry(NOW + number, &format!("uploads/u/due{number}")));
            assert!(left.contains(&entry) || !left.contains(&file), "{file} would be forgotten: request {kill_at}");
        }
        assert_eq!(left.iter().filter(|key| !key.contains("due")).count(), 21, "request {kill_at}");
        assert_eq!(shelf.run(NOW + 2 * HOUR).await.errors, 0, "request {kill_at}");
        assert_settled(&shelf, &format!("request {kill_at}")).await;
        proxy.stop();
        shelf.stop().await;
    }
}

#[tokio::test]
async fn a_run_that_is_out_of_time_begins_nothing_more_and_the_next_goes_on() {
    for calls in [0, 1, 2, 3, 5, 8, 12, 13, 14, 16, 20, 40] {
        let shelf = mixed().await;
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
        assert_settled(&shelf, &format!("{calls} calls")).await;
        shelf.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_runs_at_once_each_counts_only_what_it_deleted() {
    for round in 0..5 {
        let shelf = mixed().await;
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
    let shelf = mixed().await;
    shelf.set_clock(NOW + HOUR);
    let script =
        |number: usize, _: &str| if number.is_multiple_of(3) { Fault::Refuse(503, "SlowDown") } else { Fault::Pass };
    let proxy = Proxy::start(shelf.address, shelf.client.clone(), script).await;
    let summary = run(&shelf.state(proxy.address, &[]), false).await;
    assert_eq!((summary.errors, summary.expired), (0, tally(10, 50)), "{summary:?}");
    assert_settled(&shelf, "busy").await;
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
        let shelf = mixed().await;
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
        assert_settled(&shelf, name).await;
        proxy.stop();
        shelf.stop().await;
    }
}

#[tokio::test]
async fn keys_that_s3_was_too_busy_for_are_deleted_by_the_same_run() {
    let shelf = mixed().await;
    shelf.set_clock(NOW + HOUR);
    let batches = AtomicUsize::new(0);
    let script = move |_, line: &str| {
        let first = line.contains("?delete") && batches.fetch_add(1, Ordering::SeqCst) == 0;
        if first { Fault::RefuseKeys("due", "InternalError") } else { Fault::Pass }
    };
    let proxy = Proxy::start(shelf.address, shelf.client.clone(), script).await;
    let summary = run(&shelf.state(proxy.address, &[]), false).await;
    assert_eq!((summary.errors, summary.expired), (0, tally(10, 50)), "{summary:?}");
    assert_settled(&shelf, "InternalError").await;
    proxy.stop();
    shelf.stop().await;
}

#[tokio::test]
async fn an_s3_that_refuses_is_never_taken_for_one_that_has_done_it() {
    for (name, operation) in [("listing", "GET"), ("looking", "HEAD"), ("deleting", "POST"), ("reporting", "PUT")] {
        let shelf = mixed().await;
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
        assert_eq!(summary.expired.objects * 2, 41 - files(&shelf).await.len() as u64, "{name}");
        assert_eq!(shelf.keys("uploads/u/later").await.len(), 10, "{name}");
        shelf.run(NOW + 2 * HOUR).await;
        assert_settled(&shelf, name).await;
        proxy.stop();
        shelf.stop().await;
    }
}

#[tokio::test]
async fn an_event_says_whether_it_is_a_dry_run() {
    let shelf = mixed().await;
    shelf.set_clock(NOW + HOUR);
    let state = shelf.state(shelf.address, &[]);
    let handle = async |event: Value| {
        let deadline = Instant::now() + Duration::from_secs(900);
        satchel_expire::handle(&state, &event, deadline).await
    };
    let before = shelf.requests.total();
    for unclear in [json!({"dry_run": "yes"}), json!({"dry_run": 1})] {
        assert!(matches!(handle(unclear.clone()).await, Err(ExpireError::Order(_))), "{unclear}");
    }
    assert_eq!(shelf.requests.total(), before, "nothing was even looked at");
    let dry = handle(json!({"dry_run": true})).await.unwrap();
    assert_eq!((&dry["dry_run"], &dry["expired"]["objects"]), (&json!(true), &json!(10)));
    assert_eq!(files(&shelf).await.len(), 41);
    let real = handle(json!({})).await.unwrap();
    assert_eq!((&real["dry_run"], &real["expired"]["objects"]), (&json!(false), &json!(10)));
    assert_settled(&shelf, "scheduled").await;
    shelf.stop().await;
}

#[tokio::test]
async fn what_interrupted_work_left_goes_after_a_day() {
    let shelf = Shelf::start().await;
    let kept = ["uploads/u/a", "rosters/romeo", "ledger/a", "elsewhere"];
    for key in kept {
        shelf.put(key, b"hello", None).await;
    }
    let begin = || shelf.client.create_multipart_upload().bucket(BUCKET).key("uploads/u/m").send();
    for (stored, name) in [(NOW, "old"), (NOW + 1, "young")] {
        shelf.set_clock(stored);
        shelf.put(&format!("incoming/u/{name}"), b"hello", None).await;
        shelf.put(&format!("resuming/{name}"), b"hello", None).await;
        begin().await.unwrap();
    }
    assert_eq!(shelf.run(NOW + DAY - 1).await.abandoned, tally(0, 0), "the second before");
    let summary = shelf.run(NOW + DAY).await;
    assert_eq!((summary.abandoned, summary.multipart_uploads), (tally(2, 10), 1), "at the second");
    assert_eq!((summary.oldest, summary.expired), (None, tally(0, 0)), "these are no files");
    let left = ["elsewhere", "incoming/u/young", "ledger/a", "resuming/young", "rosters/romeo", "uploads/u/a"];
    assert_eq!(files(&shelf).await, left);
    let uploads = shelf.client.list_multipart_uploads().bucket(BUCKET).send().await.unwrap();
    assert_eq!(uploads.uploads().len(), 1);
    let summary = shelf.run(NOW + DAY + 1).await;
    assert_eq!((summary.abandoned, summary.multipart_uploads), (tally(2, 10), 1), "the second after");
    shelf.stop().await;
}

#[tokio::test]
async fn more_unfinished_uploads_than_a_page_are_aborted() {
    let shelf = Shelf::start().await;
    let begun = (0..1_005).map(|number| {
        let begun = shelf.client.create_multipart_upload().bucket(BUCKET).key(format!("k{}", number % 7));
        begun.send()
    });
    stream::iter(begun).buffer_unordered(32).try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(shelf.run(NOW + DAY).await.multipart_uploads, 1_005);
    let left = shelf.client.list_multipart_uploads().bucket(BUCKET).send().await.unwrap();
    assert!(left.uploads().is_empty());
    shelf.stop().await;
}

#[tokio::test]
async fn the_oldest_go_until_the_rest_is_within_the_limit() {
    for (name, limit, gone, left) in [
        ("a byte to spare", 36, tally(0, 0), tally(5, 25)),
        ("exactly full", 35, tally(0, 0), tally(5, 25)),
        ("a byte over", 34, tally(1, 5), tally(4, 20)),
        ("half", 25, tally(2, 10), tally(3, 15)),
        ("only what stays", 15, tally(4, 20), tally(1, 5)),
        ("not even that", 1, tally(4, 20), tally(1, 5)),
    ] {
        let shelf = Shelf::start().await;
        // From the oldest to the newest; the second and third within one hour, the first and last in others.
        for (age, key) in [
            (3 * DAY, "uploads-permanent/u.permanent/a"),
            (2 * DAY, "uploads/u/z"),
            (HOUR + 2, "uploads-profile/u.profile/a"),
            (HOUR + 1, "uploads/u/a"),
            (0, "uploads-ephemeral/u.ephemeral/a"),
        ] {
            shelf.set_clock(NOW + 3 * DAY - age);
            shelf.put(key, b"hello", None).await;
        }
        shelf.put("incoming/u/a", b"unfinished", None).await;
        for dry_run in [true, false] {
            let summary = shelf.run_within(limit, dry_run).await;
            assert_eq!((summary.over_limit, summary.left), (gone, Some(left)), "{name}");
        }
        assert_eq!(shelf.keys("uploads").await.len() as u64, left.objects, "{name}");
        assert_eq!(shelf.keys("uploads-permanent/").await.len(), 1, "{name}");
        assert_eq!(
            shelf.keys("uploads/u/z").await.is_empty(),
            gone.objects > 0,
            "{name}: the oldest is the first to go"
        );
        let again = shelf.run_within(limit, false).await;
        assert_eq!((again.over_limit, again.left), (tally(0, 0), Some(left)), "{name}");
        shelf.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_at_once_make_no_more_room_than_one() {
    for round in 0..5 {
        let shelf = Shelf::start().await;
        for number in 0..40 {
            shelf.set_clock(NOW + number * 600);
            shelf.put(&format!("uploads/u/{number:02}"), b"hello", None).await;
        }
        let mut runs = JoinSet::new();
        for _ in 0..4 {
            let state = shelf.state(shelf.address, &[("SATCHEL_MAX_TOTAL_BYTES", "103".into())]);
            runs.spawn(async move { run(&state, false).await });
        }
        let summaries = runs.join_all().await;
        let gone: u64 = summaries.iter().map(|run| run.over_limit.objects).sum();
        assert_eq!(gone, 20, "{round}: {summaries:?}");
        let left: Vec<String> = (20..40).map(|number| format!("uploads/u/{number:02}")).collect();
        assert_eq!(shelf.keys("uploads/").await, left, "{round}");
        shelf.stop().await;
    }
}

mod worlds;

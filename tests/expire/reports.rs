//! What a run writes down, and the run that does nothing else.

use std::time::{Duration, Instant};

use satchel_core::{object_key::Key, time::Timestamp};
use satchel_expire::ExpireError;
use satchel_store::Upkeep as _;
use serde_json::{Value, json};

use crate::support::{
    BUCKET,
    shelf::{DAY, HOUR, NOW, Shelf, tally},
};

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
    let before = shelf.files().await;
    shelf.set_clock(NOW + DAY);
    let summary = shelf.run_within(6, true).await;
    assert_eq!(shelf.files().await, before);
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
async fn an_event_says_whether_it_is_a_dry_run() {
    let shelf = Shelf::mixed().await;
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
    assert_eq!(shelf.files().await.len(), 41);
    let real = handle(json!({})).await.unwrap();
    assert_eq!((&real["dry_run"], &real["expired"]["objects"]), (&json!(false), &json!(10)));
    shelf.assert_settled("scheduled").await;
    shelf.stop().await;
}

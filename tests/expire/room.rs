//! The total limit: the oldest go until the rest is within it.

use tokio::task::JoinSet;

use crate::support::{
    BUCKET,
    shelf::{DAY, HOUR, NOW, Shelf, run, tally},
};

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

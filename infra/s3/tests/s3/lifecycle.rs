//! Lifecycle rules, applied at moments that the test chooses.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, ExpirationStatus, LifecycleExpiration, LifecycleRule,
    LifecycleRuleAndOperator, LifecycleRuleFilter, Tag, Transition, TransitionStorageClass,
    builders::LifecycleRuleBuilder,
};
use futures_util::{StreamExt, stream};
use satchel_s3::Expired;

use crate::multipart::{begin, part};
use crate::support::{BUCKET, Fixture, blob_files, code, status};

const DAY: u64 = 86_400_000;
/// A midnight.
const START: u64 = 20_000 * DAY;

struct World {
    clock: Arc<AtomicU64>,
    fixture: Fixture,
}

impl World {
    async fn start() -> Self {
        let clock = Arc::new(AtomicU64::new(START));
        Self { fixture: Fixture::at(&clock).await, clock }
    }

    /// Stores objects at a moment.
    async fn put(&self, at: u64, keys: &[&str]) {
        self.clock.store(at, Ordering::SeqCst);
        for key in keys {
            self.fixture.put(key, "hello").await;
        }
    }

    async fn rules(&self, rules: impl IntoIterator<Item = LifecycleRuleBuilder>) {
        let rules = rules.into_iter().map(|rule| rule.build().unwrap()).collect();
        let given = BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build().unwrap();
        let put = self.fixture.client.put_bucket_lifecycle_configuration().bucket(BUCKET);
        put.lifecycle_configuration(given).send().await.unwrap();
    }

    async fn apply(&self, at: u64) -> Expired {
        self.clock.store(at, Ordering::SeqCst);
        self.fixture.store.apply_lifecycle(BUCKET).await.unwrap()
    }

    async fn keys(&self) -> Vec<String> {
        let listed = self.fixture.client.list_objects_v2().bucket(BUCKET).send().await.unwrap();
        listed.contents().iter().map(|object| object.key().unwrap().to_owned()).collect()
    }
}

fn enabled() -> LifecycleRuleBuilder {
    LifecycleRule::builder().status(ExpirationStatus::Enabled)
}

fn days(days: i32) -> LifecycleExpiration {
    LifecycleExpiration::builder().days(days).build()
}

fn prefix(prefix: &str) -> LifecycleRuleFilter {
    LifecycleRuleFilter::builder().prefix(prefix).build()
}

#[tokio::test]
async fn objects_expire_at_the_midnight_after_their_days() {
    let world = World::start().await;
    let created = START + 10 * 3_600_000;
    world.put(created, &["a/1", "a/2", "b/1"]).await;
    world.rules([enabled().filter(prefix("a/")).expiration(days(3))]).await;
    let end = START + 4 * DAY;
    assert_eq!(world.apply(created + 3 * DAY).await, Expired::default(), "after three days to the millisecond");
    assert_eq!(world.apply(end - 1).await, Expired::default());
    assert_eq!(world.keys().await.len(), 3);
    assert_eq!(world.apply(end).await, Expired { objects: 2, bytes: 10, uploads: 0 });
    assert_eq!(world.keys().await, ["b/1"]);
    assert_eq!(world.apply(end + 1).await, Expired::default());
    let dir = world.fixture.stop().await;
    let index = std::fs::read(dir.path().join("index.sqlite")).unwrap();
    let holds = |text: &[u8]| index.windows(text.len()).any(|window| window == text);
    assert!(holds(b"b/1") && !holds(b"a/1"), "what is gone is overwritten in the index, too");
}

#[tokio::test]
async fn each_rule_is_about_its_own_objects() {
    let sized = LifecycleRuleFilter::builder().object_size_greater_than(5).build();
    let both = LifecycleRuleAndOperator::builder().prefix("a").object_size_less_than(6).build();
    let tag = Tag::builder().key("k").value("v").build().unwrap();
    let tagged = LifecycleRuleAndOperator::builder().prefix("a").tags(tag.clone()).build();
    let past = LifecycleExpiration::builder().date(DateTime::from_millis(i64::try_from(START + DAY).unwrap())).build();
    #[expect(deprecated, reason = "templates still have the prefix there")]
    let old_form = enabled().prefix("a");
    for (name, rule, left) in [
        ("everything", enabled().filter(prefix("")).expiration(days(1)), vec![]),
        ("a prefix", enabled().filter(prefix("a")).expiration(days(1)), vec!["b"]),
        ("a prefix in the old form", old_form.expiration(days(1)), vec!["b"]),
        ("larger ones", enabled().filter(sized).expiration(days(1)), vec!["a", "b"]),
        (
            "smaller ones of a prefix",
            enabled().filter(LifecycleRuleFilter::builder().and(both).build()).expiration(days(1)),
            vec!["b"],
        ),
        (
            "a tag, which nothing has",
            enabled().filter(LifecycleRuleFilter::builder().tag(tag).build()).expiration(days(1)),
            vec!["a", "b"],
        ),
        (
            "a tag of a prefix",
            enabled().filter(LifecycleRuleFilter::builder().and(tagged).build()).expiration(days(1)),
            vec!["a", "b"],
        ),
        ("longer days", enabled().filter(prefix("")).expiration(days(2)), vec!["a", "b"]),
        ("a date", enabled().filter(prefix("")).expiration(past), vec![]),
        (
            "disabled",
            LifecycleRule::builder().status(ExpirationStatus::Disabled).filter(prefix("")).expiration(days(1)),
            vec!["a", "b"],
        ),
    ] {
        let world = World::start().await;
        world.put(START, &["a", "b"]).await;
        world.rules([rule]).await;
        world.apply(START + 2 * DAY).await;
        assert_eq!(world.keys().await, left, "{name}");
        world.fixture.stop().await;
    }
}

#[tokio::test]
async fn uploads_that_nobody_finishes_are_aborted() {
    let world = World::start().await;
    world.put(START, &["k"]).await;
    for key in ["a", "a", "b"] {
        let id = begin(&world.fixture, key).await;
        part(&world.fixture, key, &id, 1, vec![0; 100]).await;
    }
    world.clock.store(START + DAY, Ordering::SeqCst);
    begin(&world.fixture, "a").await;
    let abort = AbortIncompleteMultipartUpload::builder().days_after_initiation(1).build();
    world.rules([enabled().filter(prefix("a")).abort_incomplete_multipart_upload(abort)]).await;
    assert_eq!(world.apply(START + 2 * DAY - 1).await, Expired::default());
    assert_eq!(world.apply(START + 2 * DAY).await, Expired { uploads: 2, ..Expired::default() });
    let left = world.fixture.client.list_multipart_uploads().bucket(BUCKET).send().await.unwrap();
    assert_eq!(left.uploads().iter().map(|upload| upload.key().unwrap()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(world.keys().await, ["k"]);
    let dir = world.fixture.stop().await;
    assert_eq!(blob_files(dir.path()).len(), 1, "the part of the upload that goes on");
}

#[tokio::test]
async fn more_objects_than_a_page_expire_in_one_go() {
    let world = World::start().await;
    let keys = (0..1_003).map(|number| format!("k{number:04}"));
    stream::iter(keys).for_each_concurrent(64, async |key| world.fixture.put(&key, "").await).await;
    world.put(START + DAY, &["k0500"]).await;
    world.rules([enabled().filter(prefix("k")).expiration(days(1))]).await;
    assert_eq!(world.apply(START + 2 * DAY).await.objects, 1_002);
    assert_eq!(world.keys().await, ["k0500"], "it was stored again later");
    world.fixture.stop().await;
}

#[tokio::test]
async fn rules_set_from_within_are_those_that_clients_see() {
    let world = World::start().await;
    let rule = satchel_s3::LifecycleRule {
        id: "everything".into(),
        prefix: "a/".into(),
        expire_after_days: Some(7),
        abort_after_days: Some(1),
        ..satchel_s3::LifecycleRule::default()
    };
    world.fixture.store.set_lifecycle(BUCKET, std::slice::from_ref(&rule)).await.unwrap();
    let seen = world.fixture.client.get_bucket_lifecycle_configuration().bucket(BUCKET).send().await.unwrap();
    let abort = AbortIncompleteMultipartUpload::builder().days_after_initiation(1).build();
    let expected = enabled().id("everything").filter(prefix("a/")).expiration(days(7));
    assert_eq!(seen.rules(), [expected.abort_incomplete_multipart_upload(abort).build().unwrap()]);
    world.put(START, &["a/1", "b/1"]).await;
    assert_eq!(world.apply(START + 8 * DAY).await.objects, 1);
    assert!(world.fixture.store.set_lifecycle("nowhere", &[rule]).await.is_err());
    assert!(world.fixture.store.apply_lifecycle("nowhere").await.is_err());
    world.fixture.stop().await;
}

#[tokio::test]
async fn rules_that_cannot_be_applied_are_refused() {
    let world = World::start().await;
    let put = |rules: Vec<LifecycleRuleBuilder>| {
        let rules = rules.into_iter().map(|rule| rule.build().unwrap()).collect();
        let given = BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build().unwrap();
        let put = world.fixture.client.put_bucket_lifecycle_configuration().bucket(BUCKET);
        put.lifecycle_configuration(given).send()
    };
    let all = || enabled().filter(prefix(""));
    let class = Transition::builder().days(1).storage_class(TransitionStorageClass::Glacier).build();
    let abort = |days| AbortIncompleteMultipartUpload::builder().days_after_initiation(days).build();
    let cases = [
        ("no days", vec![all().expiration(days(0))], 400, "InvalidArgument"),
        ("less than that", vec![all().expiration(days(-1))], 400, "InvalidArgument"),
        ("aborts at once", vec![all().abort_incomplete_multipart_upload(abort(0))], 400, "InvalidArgument"),
        ("nothing to do", vec![all()], 400, "InvalidArgument"),
        ("an unknown status", vec![all().status("enabled".into()).expiration(days(1))], 400, "MalformedXML"),
        ("neither days nor date", vec![all().expiration(LifecycleExpiration::builder().build())], 400, "MalformedXML"),
        ("another class", vec![all().transitions(class)], 501, "NotImplemented"),
        (
            "a name twice",
            vec![all().id("a").expiration(days(1)), all().id("a").expiration(days(2))],
            400,
            "InvalidArgument",
        ),
        ("a name too long", vec![all().id("a".repeat(256)).expiration(days(1))], 400, "InvalidArgument"),
        ("no rule", vec![], 400, "MalformedXML"),
    ];
    for (case, rules, expected_status, expected) in cases {
        let refused = put(rules).await;
        assert_eq!((status(&refused), code(&refused).as_str()), (expected_status, expected), "{case}");
    }
    let none = world.fixture.client.get_bucket_lifecycle_configuration().bucket(BUCKET).send().await;
    assert_eq!(code(&none), "NoSuchLifecycleConfiguration");
    let kept = put(vec![all().id("a").expiration(days(1)), all().abort_incomplete_multipart_upload(abort(1))]).await;
    assert_eq!(status(&kept), 200);
    world.fixture.stop().await;
}

#[tokio::test]
async fn a_bucket_without_rules_keeps_everything() {
    let world = World::start().await;
    world.put(START, &["a"]).await;
    assert_eq!(world.apply(START + 100_000 * DAY).await, Expired::default());
    assert_eq!(world.keys().await, ["a"]);
    world.fixture.stop().await;
}

//! Lifecycle configurations of S3's, and the store's rules.

use s3s::dto::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, ExpirationStatus, LifecycleExpiration,
    LifecycleRule as Configured, LifecycleRuleFilter, Timestamp,
};
use satchel_folder::LifecycleRule;
use time::OffsetDateTime;

/// The rules that are about something here: neither disabled ones, nor those about tags, which the store has not.
pub(super) fn of(configuration: BucketLifecycleConfiguration) -> Vec<LifecycleRule> {
    configuration.rules.into_iter().filter_map(rule).collect()
}

fn rule(configured: Configured) -> Option<LifecycleRule> {
    let filter = configured.filter.unwrap_or_default();
    let LifecycleRuleFilter { and, object_size_greater_than, object_size_less_than, prefix, tag } = filter;
    let and = and.unwrap_or_default();
    let tagged = tag.is_some() || and.tags.is_some_and(|tags| !tags.is_empty());
    let enabled = configured.status.as_str() == ExpirationStatus::ENABLED;
    let expiration: LifecycleExpiration = configured.expiration.unwrap_or_default();
    let abort = configured.abort_incomplete_multipart_upload.and_then(|abort| abort.days_after_initiation);
    let rule = LifecycleRule {
        id: configured.id.unwrap_or_default(),
        prefix: configured.prefix.or(prefix).or(and.prefix).unwrap_or_default(),
        larger_than: object_size_greater_than.or(and.object_size_greater_than).and_then(unsigned),
        smaller_than: object_size_less_than.or(and.object_size_less_than).and_then(unsigned),
        expire_after_days: expiration.days.and_then(unsigned),
        expire_at: expiration.date.and_then(milliseconds),
        abort_after_days: abort.and_then(unsigned),
    };
    (enabled && !tagged).then_some(rule)
}

/// As `PutBucketLifecycleConfiguration` would bring them.
pub(super) fn configuration(rules: &[LifecycleRule]) -> BucketLifecycleConfiguration {
    let days = |days: u32| i32::try_from(days).unwrap_or(i32::MAX);
    let configured = |rule: &LifecycleRule| Configured {
        abort_incomplete_multipart_upload: rule
            .abort_after_days
            .map(|after| AbortIncompleteMultipartUpload { days_after_initiation: Some(days(after)) }),
        expiration: rule
            .expire_after_days
            .map(|after| LifecycleExpiration { days: Some(days(after)), ..LifecycleExpiration::default() }),
        filter: Some(LifecycleRuleFilter { prefix: Some(rule.prefix.clone()), ..LifecycleRuleFilter::default() }),
        id: Some(rule.id.clone()),
        noncurrent_version_expiration: None,
        noncurrent_version_transitions: None,
        prefix: None,
        status: ExpirationStatus::from_static(ExpirationStatus::ENABLED),
        transitions: None,
    };
    BucketLifecycleConfiguration { rules: rules.iter().map(configured).collect() }
}

fn unsigned<N>(number: impl TryInto<N>) -> Option<N> {
    number.try_into().ok()
}

fn milliseconds(date: Timestamp) -> Option<u64> {
    u64::try_from(OffsetDateTime::from(date).unix_timestamp_nanos() / 1_000_000).ok()
}

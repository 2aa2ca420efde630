//! A bucket's lifecycle rules: taken where all of them can be applied as they say.

use std::collections::BTreeSet;

use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};
use satchel_folder::BucketRecord;

use super::buckets::{read, write};
use super::error::OrS3;
use super::rules;
use super::service::Api;

/// S3's limit for a bucket.
const MAX_RULES: usize = 1000;
/// S3's limit for a rule's name, in characters.
const MAX_ID: usize = 255;

pub(super) async fn put(
    api: &Api,
    request: S3Request<PutBucketLifecycleConfigurationInput>,
) -> S3Result<S3Response<PutBucketLifecycleConfigurationOutput>> {
    let input = request.input;
    let configuration = input.lifecycle_configuration.ok_or_else(|| s3_error!(MalformedXML))?;
    check(&configuration.rules)?;
    let json = write(&configuration)?;
    let rules = rules::of(configuration);
    let change = |record: &mut BucketRecord| (record.lifecycle, record.rules) = (Some(json), rules);
    api.store.configure_bucket(&input.bucket, change).await.or_s3()?;
    Ok(S3Response::new(PutBucketLifecycleConfigurationOutput::default()))
}

pub(super) async fn get(
    api: &Api,
    request: S3Request<GetBucketLifecycleConfigurationInput>,
) -> S3Result<S3Response<GetBucketLifecycleConfigurationOutput>> {
    let record = api.store.bucket(&request.input.bucket).or_s3()?;
    let configuration = match record.lifecycle {
        Some(json) => read::<BucketLifecycleConfiguration>(&json)?,
        None if record.rules.is_empty() => return Err(s3_error!(NoSuchLifecycleConfiguration)),
        None => rules::configuration(&record.rules),
    };
    let rules = Some(configuration.rules);
    Ok(S3Response::new(GetBucketLifecycleConfigurationOutput {
        rules,
        ..GetBucketLifecycleConfigurationOutput::default()
    }))
}

pub(super) async fn delete(
    api: &Api,
    request: S3Request<DeleteBucketLifecycleInput>,
) -> S3Result<S3Response<DeleteBucketLifecycleOutput>> {
    let change = |record: &mut BucketRecord| (record.lifecycle, record.rules) = (None, Vec::new());
    api.store.configure_bucket(&request.input.bucket, change).await.or_s3()?;
    Ok(S3Response::new(DeleteBucketLifecycleOutput::default()))
}

/// Refuses what S3 refuses, and moving objects to another storage class, as there is none.
fn check(rules: &[LifecycleRule]) -> S3Result<()> {
    if rules.is_empty() || rules.len() > MAX_RULES {
        return Err(s3_error!(MalformedXML, "A lifecycle configuration has 1 to {MAX_RULES} rules"));
    }
    let mut ids = BTreeSet::new();
    for rule in rules {
        check_rule(rule)?;
        let id = rule.id.as_deref().unwrap_or_default();
        if id.chars().count() > MAX_ID || !id.is_empty() && !ids.insert(id) {
            return Err(s3_error!(InvalidArgument, "The ID of a rule has up to {MAX_ID} characters and is given once"));
        }
    }
    Ok(())
}

fn check_rule(rule: &LifecycleRule) -> S3Result<()> {
    if ![ExpirationStatus::ENABLED, ExpirationStatus::DISABLED].contains(&rule.status.as_str()) {
        return Err(s3_error!(MalformedXML, "The Status of a rule is Enabled or Disabled"));
    }
    if rule.transitions.is_some() || rule.noncurrent_version_transitions.is_some() {
        return Err(s3_error!(NotImplemented, "Transitions to other storage classes are not implemented"));
    }
    if rule.prefix.is_some() && rule.filter.is_some() {
        return Err(s3_error!(MalformedXML, "A rule has a Filter or a Prefix, not both"));
    }
    rule.filter.as_ref().map_or(Ok(()), check_filter)?;
    let (expiration, abort) = (rule.expiration.as_ref(), rule.abort_incomplete_multipart_upload.as_ref());
    if expiration.is_none() && abort.is_none() && rule.noncurrent_version_expiration.is_none() {
        return Err(s3_error!(InvalidArgument, "At least one action needs to be specified in a rule"));
    }
    expiration.map_or(Ok(()), check_expiration)?;
    match abort.map(|abort| abort.days_after_initiation) {
        None | Some(Some(1..)) => Ok(()),
        Some(_) => Err(s3_error!(InvalidArgument, "'DaysAfterInitiation' must be a positive integer")),
    }
}

/// A filter that is read otherwise than it was meant deletes what should stay.
fn check_filter(filter: &LifecycleRuleFilter) -> S3Result<()> {
    let LifecycleRuleFilter { and, object_size_greater_than, object_size_less_than, prefix, tag } = filter;
    let given = [
        and.is_some(),
        object_size_greater_than.is_some(),
        object_size_less_than.is_some(),
        prefix.is_some(),
        tag.is_some(),
    ];
    if given.iter().filter(|given| **given).count() > 1 {
        return Err(s3_error!(MalformedXML, "A Filter has one of Prefix, Tag, the sizes and And"));
    }
    let of_and = and.iter().flat_map(|and| [and.object_size_greater_than, and.object_size_less_than]);
    let mut sizes = of_and.chain([*object_size_greater_than, *object_size_less_than]).flatten();
    if sizes.any(|size| size < 0) {
        return Err(s3_error!(InvalidArgument, "The sizes of a Filter are not negative"));
    }
    Ok(())
}

fn check_expiration(expiration: &LifecycleExpiration) -> S3Result<()> {
    let marker = expiration.expired_object_delete_marker.is_some();
    match (expiration.days, expiration.date.is_some(), marker) {
        (Some(days), false, false) if days < 1 => {
            Err(s3_error!(InvalidArgument, "'Days' for Expiration action must be a positive integer"))
        }
        (Some(_), false, false) | (None, true, false) | (None, false, true) => Ok(()),
        _ => Err(s3_error!(MalformedXML, "An Expiration has one of Days, Date and ExpiredObjectDeleteMarker")),
    }
}

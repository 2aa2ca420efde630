//! S3's "object created" events, in both of their shapes: S3's own notification and EventBridge's (AWS: "Event
//! message structure", "EventBridge event structure for Amazon S3").
//!
//! By hand: aws_lambda_events has no type for EventBridge's object, wants fields such as `eventTime` that nothing here needs,
//! and would add 93 KB to a program.

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;

/// An object that has been created or overwritten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectCreated {
    /// The bucket.
    pub bucket: String,
    /// The key, decoded.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// Which bytes they are.
    pub etag: String,
}

/// An event of neither shape.
#[derive(Debug, thiserror::Error)]
pub enum S3EventError {
    /// Neither `Records` nor `detail`.
    #[error("the event is neither an S3 notification nor S3's EventBridge event")]
    Shape,
    /// One of the shapes, with something missing in it.
    #[error("the event has not the fields that S3 documents: {0}")]
    Fields(#[from] serde_json::Error),
    /// A key whose percent-encoding is not UTF-8.
    #[error("the event has a key that is not percent-encoded UTF-8")]
    Key,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_name: String,
    s3: Entity,
}

#[derive(Deserialize)]
struct Entity {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
struct Object {
    key: String,
    #[serde(default)]
    size: u64,
    #[serde(default, alias = "eTag")]
    etag: String,
}

/// The created objects of an event; none for events of another kind, such as S3's test event.
///
/// # Errors
/// See [`S3EventError`].
pub fn created(event: Value) -> Result<Vec<ObjectCreated>, S3EventError> {
    match event {
        Value::Object(mut fields) if fields.contains_key("Records") => {
            let records: Vec<Record> = serde_json::from_value(fields["Records"].take())?;
            let created = records.into_iter().filter(|record| record.event_name.starts_with("ObjectCreated:"));
            created.map(|record| object(record.s3, true)).collect()
        }
        Value::Object(mut fields) if fields.contains_key("detail") => {
            if fields.get("detail-type").and_then(Value::as_str) != Some("Object Created") {
                return Ok(Vec::new());
            }
            Ok(vec![object(serde_json::from_value(fields["detail"].take())?, false)?])
        }
        Value::Object(fields) if fields.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") => Ok(Vec::new()),
        _ => Err(S3EventError::Shape),
    }
}

/// S3's own notification has keys as forms encode them, EventBridge's as they are.
fn object(entity: Entity, encoded: bool) -> Result<ObjectCreated, S3EventError> {
    let Object { key, size, etag } = entity.object;
    let key = if encoded { decode(&key)? } else { key };
    Ok(ObjectCreated { bucket: entity.bucket.name, key, size, etag })
}

fn decode(key: &str) -> Result<String, S3EventError> {
    let spaced = key.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().map_err(|_| S3EventError::Key)?;
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn notification(name: &str, key: &str) -> Value {
        json!({"Records": [{
            "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": name, "s3": {
                "bucket": {"name": "b", "arn": "arn:aws:s3:::b"},
                "object": {"key": key, "size": 5, "eTag": "e", "sequencer": "0"},
            },
        }]})
    }

    fn bridge(kind: &str, key: &str) -> Value {
        json!({"version": "0", "source": "aws.s3", "detail-type": kind, "detail": {
            "bucket": {"name": "b"}, "object": {"key": key, "size": 5, "etag": "e", "sequencer": "0"}, "reason": "PutObject",
        }})
    }

    #[test]
    fn events_of_both_shapes_say_the_same() {
        let expected = ObjectCreated { bucket: "b".into(), key: "incoming/a b+ü".into(), size: 5, etag: "e".into() };
        let by_notification = created(notification("ObjectCreated:Put", "incoming/a+b%2B%C3%BC")).unwrap();
        let by_bridge = created(bridge("Object Created", "incoming/a b+ü")).unwrap();
        assert_eq!(by_notification, by_bridge);
        assert_eq!(by_bridge, [expected]);
    }

    #[test]
    fn events_of_other_kinds_are_nothing_to_do() {
        for event in [
            notification("ObjectRemoved:Delete", "k"),
            bridge("Object Deleted", "k"),
            json!({"Service": "Amazon S3", "Event": "s3:TestEvent"}),
            json!({"Records": []}),
        ] {
            assert_eq!(created(event).unwrap(), []);
        }
    }

    #[test]
    fn what_is_no_event_is_refused() {
        for event in [
            json!(null),
            json!([]),
            json!({}),
            json!("Records"),
            json!({"Records": 5}),
            json!({"Records": [{}]}),
            json!({"detail-type": "Object Created", "detail": {}}),
            notification("ObjectCreated:Put", "%ff"),
        ] {
            assert!(created(event.clone()).is_err(), "{event}");
        }
    }
}

//! CloudWatch's embedded metric format: a log line that CloudWatch reads metrics from (AWS: "Specification: Embedded
//! metric format").

use serde_json::{Map, Number, Value, json};

use crate::metrics::{Measure, Unit};

/// The dimension of metrics that are counted by outcome. Its values are the stable codes: some dozens.
const CODE: &str = "code";

/// Makes a line a document of the format: metadata in `_aws`, and each metric as a member of its own. `line` has the
/// outcome in `code`; a line that measures nothing stays as it is.
pub fn annotate(line: &mut Map<String, Value>, measures: &[Measure], namespace: &str, milliseconds_since_epoch: u64) {
    let plain: Vec<&Measure> = measures.iter().filter(|measure| !measure.metric.by_code).collect();
    let by_code: Vec<&Measure> = measures.iter().filter(|measure| measure.metric.by_code).collect();
    // The empty set is the sum over all codes, which alarms need.
    let directives = [directive(namespace, &json!([[]]), &plain), directive(namespace, &json!([[], [CODE]]), &by_code)];
    let directives: Vec<Value> = directives.into_iter().flatten().collect();
    if directives.is_empty() {
        return;
    }
    line.insert("_aws".into(), json!({"Timestamp": milliseconds_since_epoch, "CloudWatchMetrics": directives}));
    for measure in measures {
        line.insert(measure.metric.name.into(), number(measure.value));
    }
}

fn directive(namespace: &str, dimensions: &Value, measures: &[&Measure]) -> Option<Value> {
    let metric = |measure: &&Measure| json!({"Name": measure.metric.name, "Unit": unit(measure.metric.unit)});
    let metrics: Vec<Value> = measures.iter().map(metric).collect();
    (!metrics.is_empty()).then(|| json!({"Namespace": namespace, "Dimensions": dimensions, "Metrics": metrics}))
}

/// AWS: "MetricDatum".
const fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Count => "Count",
        Unit::Bytes => "Bytes",
        Unit::Milliseconds => "Milliseconds",
    }
}

/// Whole numbers without a fraction.
fn number(value: f64) -> Value {
    let whole = value.fract() == 0.0 && (0.0..9e15).contains(&value);
    if whole {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and in range")]
        return (value as u64).into();
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::METRICS;

    fn measure(name: &str, value: f64) -> Measure {
        Measure { metric: METRICS.iter().find(|metric| metric.name == name).unwrap(), value }
    }

    fn annotated(measures: &[Measure]) -> Value {
        let mut line = Map::from_iter([("code".to_owned(), json!("stored"))]);
        annotate(&mut line, measures, "Satchel", 1_700_000_000_123);
        line.into()
    }

    #[test]
    fn a_line_that_measures_nothing_is_left_alone() {
        assert_eq!(annotated(&[]), json!({"code": "stored"}));
    }

    #[test]
    fn metrics_are_members_that_the_metadata_names() {
        let measures = [measure("uploads", 1.0), measure("upload_errors", 2.0), measure("upload_duration", 0.25)];
        let count = |name: &str| json!({"Name": name, "Unit": "Count"});
        assert_eq!(
            annotated(&measures),
            json!({
                "_aws": {"Timestamp": 1_700_000_000_123_u64, "CloudWatchMetrics": [
                    {"Namespace": "Satchel", "Dimensions": [[]],
                     "Metrics": [count("uploads"), {"Name": "upload_duration", "Unit": "Milliseconds"}]},
                    {"Namespace": "Satchel", "Dimensions": [[], ["code"]], "Metrics": [count("upload_errors")]},
                ]},
                "code": "stored", "uploads": 1, "upload_errors": 2, "upload_duration": 0.25,
            })
        );
    }

    #[test]
    fn numbers_stay_numbers() {
        for (value, text) in [(0.0, "0"), (5_368_709_120.0, "5368709120"), (0.5, "0.5"), (1e16, "1e+16")] {
            assert_eq!(number(value).to_string(), text);
        }
        assert_eq!(number(f64::NAN), Value::Null, "and never break the line");
    }
}

//! CloudWatch's rules for a line with metrics in it (AWS: "Specification: Embedded metric format", its prose and its
//! JSON schema).

use serde_json::Value;

const MAX_BYTES: usize = 256 * 1024;
const MAX_METRICS: usize = 100;
const MAX_DIMENSIONS: usize = 30;
const MAX_DIMENSION_VALUE: usize = 1_024;
const MAX_DIMENSION_NAME: usize = 250;
const MAX_NAME: usize = 1_024;
/// AWS: "MetricDatum".
const UNITS: [&str; 27] = [
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
];

/// Checks a line; one without `_aws` is no document of the format and may have any members.
pub fn assert_valid(line: &Value) {
    if let Err(problem) = check(line) {
        panic!("{problem}: {line}");
    }
}

/// The names of the metrics that a line has, and their values.
pub fn metrics(line: &Value) -> Vec<(String, f64)> {
    let directives = line["_aws"]["CloudWatchMetrics"].as_array().cloned().unwrap_or_default();
    let named = directives.iter().flat_map(|directive| directive["Metrics"].as_array().cloned().unwrap_or_default());
    let name = |metric: Value| metric["Name"].as_str().unwrap().to_owned();
    named.map(name).map(|name| (name.clone(), line[&name].as_f64().unwrap())).collect()
}

fn check(line: &Value) -> Result<(), &'static str> {
    let root = line.as_object().ok_or("no object")?;
    let Some(aws) = root.get("_aws") else { return Ok(()) };
    let aws = aws.as_object().ok_or("_aws is no object")?;
    demand(line.to_string().len() <= MAX_BYTES, "longer than a log event may be")?;
    demand(aws.keys().all(|key| key == "Timestamp" || key == "CloudWatchMetrics"), "another member in _aws")?;
    demand(aws.get("Timestamp").is_some_and(Value::is_u64), "no whole Timestamp")?;
    let directives = aws.get("CloudWatchMetrics").and_then(Value::as_array).ok_or("no CloudWatchMetrics")?;
    demand(!directives.is_empty(), "no directive, though nothing forbids it, means nothing")?;
    directives.iter().try_for_each(|directive| check_directive(line, directive))
}

fn check_directive(line: &Value, directive: &Value) -> Result<(), &'static str> {
    let known = ["Namespace", "Dimensions", "Metrics"];
    let members = directive.as_object().ok_or("a directive is no object")?;
    demand(members.keys().all(|key| known.contains(&key.as_str())), "another member in a directive")?;
    demand(is_text(&directive["Namespace"], MAX_NAME), "no Namespace")?;
    let sets = directive["Dimensions"].as_array().filter(|sets| !sets.is_empty()).ok_or("no Dimensions")?;
    sets.iter().try_for_each(|set| check_dimensions(line, set))?;
    let metrics = directive["Metrics"].as_array().ok_or("no Metrics")?;
    demand(!metrics.is_empty() && metrics.len() <= MAX_METRICS, "no metrics, or too many")?;
    metrics.iter().try_for_each(|metric| check_metric(line, metric))
}

fn check_dimensions(line: &Value, set: &Value) -> Result<(), &'static str> {
    let names = set.as_array().filter(|names| names.len() <= MAX_DIMENSIONS).ok_or("no dimension set")?;
    for name in names {
        demand(is_text(name, MAX_DIMENSION_NAME), "no name of a dimension")?;
        demand(is_text(&line[name.as_str().unwrap_or_default()], MAX_DIMENSION_VALUE), "a dimension without its text")?;
    }
    Ok(())
}

fn check_metric(line: &Value, metric: &Value) -> Result<(), &'static str> {
    let known = ["Name", "Unit", "StorageResolution"];
    let members = metric.as_object().ok_or("a metric is no object")?;
    demand(members.keys().all(|key| known.contains(&key.as_str())), "another member in a metric")?;
    demand(is_text(&metric["Name"], MAX_NAME), "no name of a metric")?;
    let unit = metric.get("Unit").is_none_or(|unit| unit.as_str().is_some_and(|unit| UNITS.contains(&unit)));
    demand(unit, "an unknown unit")?;
    let value = &line[metric["Name"].as_str().unwrap_or_default()];
    demand(value.is_number() && value.as_f64().is_some_and(f64::is_finite), "a metric without its number")
}

fn is_text(value: &Value, longest: usize) -> bool {
    value.as_str().is_some_and(|text| (1..=longest).contains(&text.chars().count()))
}

fn demand(holds: bool, problem: &'static str) -> Result<(), &'static str> {
    holds.then_some(()).ok_or(problem)
}

/// The rules themselves: each broken on its own is noticed.
#[test]
fn each_rule_of_the_format_is_enforced() {
    let good = serde_json::json!({
        "_aws": {"Timestamp": 1, "CloudWatchMetrics": [
            {"Namespace": "n", "Dimensions": [[], ["code"]], "Metrics": [{"Name": "m", "Unit": "Count"}]},
        ]},
        "code": "c", "m": 1, "other": {"nested": []},
    });
    assert_eq!(check(&good), Ok(()));
    let directive = "/_aws/CloudWatchMetrics/0";
    for (pointer, broken) in [
        ("/_aws", "null"),
        ("/_aws/Timestamp", "1.5"),
        ("/_aws/CloudWatchMetrics", "[]"),
        (directive, "{}"),
        (&format!("{directive}/Namespace"), "\"\""),
        (&format!("{directive}/Dimensions"), "[]"),
        (&format!("{directive}/Dimensions/1/0"), "\"absent\""),
        (&format!("{directive}/Metrics/0/Name"), "\"absent\""),
        (&format!("{directive}/Metrics/0/Unit"), "\"Pieces\""),
        ("/m", "\"1\""),
        ("/m", "[]"),
        ("/code", "2"),
    ] {
        let mut line = good.clone();
        *line.pointer_mut(pointer).unwrap() = serde_json::from_str(broken).unwrap();
        assert!(check(&line).is_err(), "{pointer} = {broken}");
    }
}

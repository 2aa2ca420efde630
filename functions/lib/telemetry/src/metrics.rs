//! What is counted, and which log lines count for it: one table behind CloudWatch, Prometheus and both dashboards.

use crate::line::{Line, milliseconds};

/// What a metric's numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// How many.
    Count,
    /// Bytes.
    Bytes,
    /// Milliseconds, each line's by itself: a distribution rather than a sum.
    Milliseconds,
}

/// One metric.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name, the same everywhere.
    pub name: &'static str,
    /// What it is for, without a full stop.
    pub meaning: &'static str,
    /// What its numbers are.
    pub unit: Unit,
    /// Whether it is also counted for each outcome code.
    pub by_code: bool,
    counted: &'static [Counted],
}

/// One kind of line that counts.
#[derive(Debug, PartialEq, Eq)]
struct Counted {
    /// The functions; empty for all.
    on: &'static [&'static str],
    /// The methods; empty for all, events included.
    methods: &'static [&'static str],
    when: When,
    amount: Amount,
}

#[derive(Debug, PartialEq, Eq)]
enum When {
    Always,
    Code(&'static str),
    Succeeded,
    Refused,
    ColdStart,
    /// The line does not note this as true.
    Not(&'static str),
}

#[derive(Debug, PartialEq, Eq)]
enum Amount {
    One,
    /// The sum of what the line notes under these names, `a/b` being member b of the object a; nothing where it notes none.
    Noted(&'static [&'static str]),
    Duration,
}

const ANY: Counted = Counted { on: &[], methods: &[], when: When::Always, amount: Amount::One };
/// Where bodies come in.
const TAKERS: &[&str] = &["upload", "resume"];
/// The same, and what stands before them in the program.
const ALL_TAKERS: &[&str] = &["upload", "resume", "gateway"];
/// An upload that went to S3 directly is counted where it is sealed: exactly once, whoever does it.
const SEALED: Counted = Counted { amount: Amount::Noted(&["sealed"]), ..ANY };
/// What `expire` has deleted, rather than would.
const EXPIRED: Counted = Counted { on: &["expire"], when: When::Not("dry_run"), ..ANY };

/// All metrics. A new function's is one more entry.
pub const METRICS: [Metric; 12] = [
    Metric {
        name: "uploads",
        meaning: "Files stored, whichever way they came",
        unit: Unit::Count,
        by_code: false,
        counted: &[Counted { on: TAKERS, when: When::Code("stored"), ..ANY }, SEALED],
    },
    Metric {
        name: "upload_errors",
        meaning: "Uploads refused or failed",
        unit: Unit::Count,
        by_code: true,
        counted: &[Counted { on: ALL_TAKERS, methods: &["PUT", "POST", "PATCH"], when: When::Refused, ..ANY }],
    },
    Metric {
        name: "upload_bytes",
        meaning: "Bytes of the files stored",
        unit: Unit::Bytes,
        by_code: false,
        counted: &[
            Counted { on: TAKERS, when: When::Code("stored"), amount: Amount::Noted(&["size_bytes"]), ..ANY },
            Counted { amount: Amount::Noted(&["sealed_bytes"]), ..ANY },
        ],
    },
    Metric {
        name: "upload_duration",
        meaning: "Time that an upload in one request has taken",
        unit: Unit::Milliseconds,
        by_code: false,
        counted: &[Counted { on: &["upload"], when: When::Code("stored"), amount: Amount::Duration, ..ANY }],
    },
    Metric {
        name: "downloads",
        meaning: "Downloads redirected to S3 or answered with the file, the later parts of one not counted",
        unit: Unit::Count,
        by_code: false,
        counted: &[
            Counted { on: &["download"], methods: &["GET"], when: When::Code("redirected"), ..ANY },
            Counted { on: &["download"], methods: &["GET"], when: When::Code("served"), ..ANY },
        ],
    },
    Metric {
        name: "slots",
        meaning: "Upload slots issued",
        unit: Unit::Count,
        by_code: false,
        counted: &[Counted { on: &["component"], when: When::Code("slot_granted"), ..ANY }],
    },
    Metric {
        name: "seals",
        meaning: "Uploads sealed after they had arrived in S3",
        unit: Unit::Count,
        by_code: false,
        counted: &[SEALED],
    },
    Metric {
        name: "expired_objects",
        meaning: "Objects deleted because their time was over or the store was full",
        unit: Unit::Count,
        by_code: false,
        counted: &[Counted { amount: Amount::Noted(&["expired/objects", "over_limit/objects"]), ..EXPIRED }],
    },
    Metric {
        name: "expired_bytes",
        meaning: "Bytes of the objects deleted because their time was over or the store was full",
        unit: Unit::Bytes,
        by_code: false,
        counted: &[Counted { amount: Amount::Noted(&["expired/bytes", "over_limit/bytes"]), ..EXPIRED }],
    },
    Metric {
        name: "roster_fetches",
        meaning: "Rosters and groups read, unchanged ones (304) among them",
        unit: Unit::Count,
        by_code: false,
        counted: &[Counted { on: &["roster-fetch"], methods: &["GET"], when: When::Succeeded, ..ANY }],
    },
    Metric {
        name: "roster_refreshes",
        meaning: "Times that the XMPP server was told which rosters have changed",
        unit: Unit::Count,
        by_code: false,
        counted: &[Counted { on: &["roster-refresh"], when: When::Succeeded, ..ANY }],
    },
    Metric {
        name: "cold_starts",
        meaning: "Requests that were the first of their function's process",
        unit: Unit::Count,
        by_code: false,
        counted: &[Counted { when: When::ColdStart, ..ANY }],
    },
];

/// What one line adds to one metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measure {
    /// The metric.
    pub metric: &'static Metric,
    /// In the metric's unit, above zero unless it is a duration.
    pub value: f64,
}

/// What a line adds to each of the metrics that it counts for.
pub fn measures(line: &Line) -> impl Iterator<Item = Measure> {
    const ALL: &[Metric] = &METRICS;
    ALL.iter().filter_map(move |metric| {
        let counted = metric.counted.iter().filter(|counted| counted.applies(line));
        let values: Vec<f64> = counted.filter_map(|counted| counted.amount.of(line)).collect();
        let counts = metric.unit == Unit::Milliseconds || values.iter().any(|value| *value > 0.0);
        (!values.is_empty() && counts).then(|| Measure { metric, value: values.iter().sum() })
    })
}

impl Counted {
    fn applies(&self, line: &Line) -> bool {
        let on = self.on.is_empty() || self.on.contains(&line.function);
        let of = |method: &http::Method| self.methods.contains(&method.as_str());
        let method = self.methods.is_empty() || line.method.as_ref().is_some_and(of);
        on && method && self.when.holds(line)
    }
}

impl When {
    fn holds(&self, line: &Line) -> bool {
        match self {
            Self::Always => true,
            Self::Code(code) => line.code == *code,
            Self::Succeeded => !line.is_refused(),
            Self::Refused => line.is_refused(),
            Self::ColdStart => line.cold_start,
            Self::Not(name) => line.noted(name) != Some(&true.into()),
        }
    }
}

impl Amount {
    fn of(&self, line: &Line) -> Option<f64> {
        match self {
            Self::One => Some(1.0),
            Self::Noted(names) => names.iter().filter_map(|name| noted(line, name)).reduce(|sum, more| sum + more),
            Self::Duration => Some(milliseconds(line.duration)),
        }
    }
}

fn noted(line: &Line, name: &str) -> Option<f64> {
    match name.split_once('/') {
        Some((object, member)) => line.noted(object)?.get(member)?.as_f64(),
        None => line.noted(name)?.as_f64(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::Method;
    use serde_json::{Value, json};

    use super::*;
    use crate::level::Level;

    fn line(function: &'static str, method: Option<&str>, code: &'static str, fields: Value) -> Line {
        let Value::Object(fields) = fields else { panic!("no fields: {fields}") };
        Line {
            at: 0,
            level: Level::Info,
            function,
            request_id: String::new(),
            cold_start: false,
            method: method.map(|name| name.parse().unwrap()),
            status: None,
            code,
            duration: Duration::from_micros(12_500),
            fields: fields.into_iter().map(|(name, value)| (name.into(), value)).collect(),
        }
    }

    /// Names of metrics, and what is added to each.
    type Counts = Vec<(&'static str, f64)>;

    fn counted(line: &Line) -> Counts {
        measures(line).map(|measure| (measure.metric.name, measure.value)).collect()
    }

    #[test]
    fn names_are_short_unique_and_lower_case() {
        for (at, metric) in METRICS.iter().enumerate() {
            assert!(metric.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{}", metric.name);
            assert!(METRICS[..at].iter().all(|other| other.name != metric.name), "{}", metric.name);
            assert!(metric.meaning.len() > 10 && !metric.meaning.ends_with('.'), "{}", metric.name);
        }
    }

    const STORED: [(&str, f64); 2] = [("uploads", 1.0), ("upload_bytes", 7.0)];
    const TOOK: (&str, f64) = ("upload_duration", 12.5);
    const SEAL: (&str, f64) = ("seals", 1.0);

    #[test]
    fn every_kind_of_line_counts_for_what_it_is() {
        let (size, none) = (json!({"size_bytes": 7}), json!({}));
        let sealed = json!({"sealed": 1, "sealed_bytes": 7, "size_bytes": 7});
        let late = json!({"sealed": 0, "sealed_bytes": 0, "sealed_before": 1});
        let tally = |objects: u64| json!({"objects": objects, "bytes": 10 * objects});
        let run = |dry_run: bool| json!({"dry_run": dry_run, "expired": tally(3), "over_limit": tally(2), "errors": 1});
        let all = |parts: &[&[(&'static str, f64)]]| parts.concat();
        let (get, put, post, patch) = (Some("GET"), Some("PUT"), Some("POST"), Some("PATCH"));
        let cases: Vec<(&str, Line, Counts)> = vec![
            ("a small upload", line("upload", put, "stored", size.clone()), all(&[&STORED, &[TOOK]])),
            ("an empty file", line("upload", put, "stored", json!({"size_bytes": 0})), all(&[&STORED[..1], &[TOOK]])),
            ("one that was stored before", line("upload", put, "stored_before", size.clone()), vec![]),
            ("a decision about headers", line("upload", put, "redirected", size.clone()), vec![]),
            ("a resumable upload's last chunk", line("resume", patch, "stored", size.clone()), STORED.to_vec()),
            ("a chunk before it", line("resume", patch, "chunk_stored", size.clone()), vec![]),
            ("a seal", line("seal", None, "done", sealed.clone()), all(&[&STORED, &[SEAL]])),
            ("a seal that came late", line("seal", None, "done", late), vec![]),
            ("a download", line("download", get, "redirected", size.clone()), vec![("downloads", 1.0)]),
            (
                "a download that seals",
                line("download", get, "redirected", sealed),
                all(&[&STORED, &[("downloads", 1.0), SEAL]]),
            ),
            ("a look at a file", line("download", Some("HEAD"), "redirected", size), vec![]),
            ("a slot", line("component", post, "slot_granted", none.clone()), vec![("slots", 1.0)]),
            ("a stanza", line("component", post, "no_reply", none.clone()), vec![]),
            (
                "a deletion run",
                line("expire", None, "done", run(false)),
                vec![("expired_objects", 5.0), ("expired_bytes", 50.0)],
            ),
            ("one that only looks", line("expire", None, "done", run(true)), vec![]),
            ("a roster", line("roster-fetch", get, "fetched", none.clone()), vec![("roster_fetches", 1.0)]),
            ("an edit", line("roster-fetch", put, "edited", none.clone()), vec![]),
            ("a refresh", line("roster-refresh", None, "done", none.clone()), vec![("roster_refreshes", 1.0)]),
            ("a first call", Line { cold_start: true, ..line("download", get, "x", none) }, vec![("cold_starts", 1.0)]),
        ];
        for (name, line, expected) in &cases {
            assert_eq!(counted(line), *expected, "{name}");
        }
        let shown = |metric: &str| cases.iter().flat_map(|(_, _, expected)| expected).any(|(name, _)| *name == metric);
        let missing: Vec<_> = METRICS.iter().map(|metric| metric.name).filter(|name| !shown(name)).collect();
        assert_eq!(missing, ["upload_errors"], "which has a table of its own");
    }

    #[test]
    fn what_is_refused_counts_as_an_error_where_it_is_an_upload() {
        for (function, method, errors) in [
            ("upload", Method::PUT, 1),
            ("upload", Method::DELETE, 0),
            ("resume", Method::POST, 1),
            ("resume", Method::PATCH, 1),
            ("resume", Method::HEAD, 0),
            ("gateway", Method::PUT, 1),
            ("download", Method::GET, 0),
            ("component", Method::POST, 0),
            ("roster-fetch", Method::GET, 0),
            ("roster-refresh", Method::POST, 0),
        ] {
            for level in [Level::Warn, Level::Error] {
                let refused = Line { level, ..line(function, Some(method.as_str()), "any", json!({})) };
                let expected = [("upload_errors", 1.0)];
                assert_eq!(counted(&refused), expected[..errors], "{function} {method}");
            }
        }
    }
}

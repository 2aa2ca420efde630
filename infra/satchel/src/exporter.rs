//! The same metrics as on AWS, for Prometheus: OpenMetrics for scrapers that ask for it, the older text format for all
//! others.

use std::{collections::BTreeMap, sync::atomic::AtomicU64, time::Instant};

use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{self, Registry},
};
use satchel_folder::Stock;
use satchel_telemetry::{
    line::Line,
    metrics::{self, METRICS, Metric, Unit},
};

/// Content-Type and body.
pub type Exposition = (&'static str, String);

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Prometheus: "Text-based format".
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper bounds in seconds: from a small body on the same machine to a large one over a slow link.
const BUCKETS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0];

type Labels = Vec<(&'static str, &'static str)>;

/// Counts lines. The labels' values are stable codes and names of ours: their number is bounded.
#[derive(Debug)]
pub struct Exporter {
    registry: Registry,
    recorders: BTreeMap<&'static str, Recorder>,
    objects: Family<Labels, Gauge>,
    bytes: Family<Labels, Gauge>,
    free: Gauge,
    uptime: Gauge<f64, AtomicU64>,
    started: Instant,
}

#[derive(Debug)]
enum Recorder {
    Sum(Counter),
    ByCode(Family<Labels, Counter>),
    Seconds(Histogram),
}

impl Exporter {
    /// An exporter that has counted nothing.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("satchel");
        let recorders = METRICS.iter().map(|metric| (metric.name, Recorder::register(metric, &mut registry))).collect();
        let (objects, bytes, uptime) = (Family::default(), Family::default(), Gauge::default());
        let free = Gauge::default();
        registry.register(
            "storage_objects",
            "Objects in the data folder: files, unfinished uploads, and all others",
            objects.clone(),
        );
        registry.register("storage_bytes", "Their bytes", bytes.clone());
        registry.register("storage_free_bytes", "Bytes that the data folder has room for", free.clone());
        registry.register("uptime_seconds", "Seconds since the start", uptime.clone());
        registry.register("build", "The program", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
        Self { registry, recorders, objects, bytes, free, uptime, started: Instant::now() }
    }

    /// Counts a line.
    pub fn observe(&self, line: &Line) {
        for measure in metrics::measures(line) {
            match self.recorders.get(measure.metric.name) {
                Some(Recorder::Seconds(histogram)) => histogram.observe(measure.value / 1_000.0),
                Some(Recorder::Sum(counter)) => {
                    counter.inc_by(whole(measure.value));
                }
                Some(Recorder::ByCode(family)) => {
                    family.get_or_create(&vec![("code", line.code)]).inc_by(whole(measure.value));
                }
                None => {}
            }
        }
    }

    /// All metrics, in the format that an Accept header asks for. `stored` has what is stored, by area;
    /// `free` the bytes that there is room for, 0 where nobody knows.
    #[must_use]
    pub fn expose(&self, accept: &str, stored: &[(&'static str, Stock)], free: u64) -> Exposition {
        self.free.set(signed(free));
        for (area, stock) in stored {
            self.objects.get_or_create(&vec![("area", *area)]).set(signed(stock.objects));
            self.bytes.get_or_create(&vec![("area", *area)]).set(signed(stock.bytes));
        }
        self.uptime.set(self.started.elapsed().as_secs_f64());
        let mut open_metrics = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut open_metrics, &self.registry);
        if accept.contains("application/openmetrics-text") {
            return (OPEN_METRICS, open_metrics);
        }
        (TEXT, as_text(&open_metrics))
    }

    /// How long it has been counting.
    #[must_use]
    pub fn uptime(&self) -> std::time::Duration {
        self.started.elapsed()
    }
}

impl Default for Exporter {
    fn default() -> Self {
        Self::new()
    }
}

impl Recorder {
    fn register(metric: &Metric, registry: &mut Registry) -> Self {
        let (name, meaning) = (metric.name, metric.meaning);
        if metric.unit == Unit::Milliseconds {
            let histogram = Histogram::new(BUCKETS);
            registry.register_with_unit(name, meaning, registry::Unit::Seconds, histogram.clone());
            return Self::Seconds(histogram);
        }
        if metric.by_code {
            let family = Family::default();
            registry.register(name, meaning, family.clone());
            return Self::ByCode(family);
        }
        let counter = Counter::default();
        registry.register(name, meaning, counter.clone());
        Self::Sum(counter)
    }
}

/// The older format has no units and no end, names counters with their suffix, and calls an info a gauge.
fn as_text(open_metrics: &str) -> String {
    let types: BTreeMap<&str, &str> = comments(open_metrics, "# TYPE ").collect();
    let suffix = |name: &str| match types.get(name) {
        Some(&"counter") => "_total",
        Some(&"info") => "_info",
        _ => "",
    };
    let line = |line: &str| match line.split(' ').collect::<Vec<_>>().as_slice() {
        ["#", "EOF" | "UNIT", ..] => String::new(),
        ["#", "TYPE", name, "info"] => format!("# TYPE {name}_info gauge\n"),
        ["#", word, name, rest @ ..] => format!("# {word} {name}{} {}\n", suffix(name), rest.join(" ")),
        _ => format!("{line}\n"),
    };
    open_metrics.lines().map(line).collect()
}

/// Names and what is said of them in comments of one kind.
fn comments<'a>(text: &'a str, kind: &'static str) -> impl Iterator<Item = (&'a str, &'a str)> {
    text.lines().filter_map(move |line| line.strip_prefix(kind)?.split_once(' '))
}

fn whole(value: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts, which are neither")]
    let whole = value as u64;
    whole
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{Method, StatusCode};
    use satchel_core::answer::Answer;
    use satchel_telemetry::arrival::Seen;

    #[test]
    fn every_metric_is_exposed_in_both_formats() {
        let exporter = Exporter::new();
        // Families are exposed from their first label on.
        let refused = Answer::empty(StatusCode::FORBIDDEN, "mac_mismatch");
        exporter.observe(&Seen::of_request("upload", Method::PUT, String::new()).line(&refused));
        let stored = [("uploads", Stock { objects: 2, bytes: 5_368_709_120 })];
        let (open_type, open) = exporter.expose("application/openmetrics-text; version=1.0.0", &stored, 4_096);
        let (text_type, text) = exporter.expose("*/*", &stored, 4_096);
        assert!(open_type.starts_with("application/openmetrics-text") && open.ends_with("# EOF\n"));
        assert!(text_type.contains("version=0.0.4") && !text.contains("EOF") && !text.contains("UNIT"));
        for Metric { name, unit, .. } in &METRICS {
            let (family, kind) = match unit {
                Unit::Milliseconds => (format!("satchel_{name}_seconds"), "histogram"),
                Unit::Count | Unit::Bytes => (format!("satchel_{name}"), "counter"),
            };
            assert!(open.contains(&format!("# TYPE {family} {kind}\n")), "{family} in {open}");
            let total = if kind == "counter" { "_total" } else { "" };
            assert!(text.contains(&format!("# TYPE {family}{total} {kind}\n")), "{family} in {text}");
            assert!(text.contains(&format!("# HELP {family}{total} ")), "{family} in {text}");
        }
        for line in [
            "satchel_storage_bytes{area=\"uploads\"} 5368709120\n",
            "satchel_storage_free_bytes 4096\n",
            "# TYPE satchel_build_info gauge\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}

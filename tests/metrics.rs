//! What is counted: in Prometheus's formats, and under the same names in the template and both dashboards.

use std::collections::{BTreeMap, BTreeSet};

use satchel_telemetry::metrics::{METRICS, Metric, Unit};
use serde_json::Value;

use crate::support::{
    Request, Setup, World, bytes,
    component::{self, ROMEO, iq, slot_request},
    elsewhere, emf, follow_with, tokens,
};

const TEMPLATE: &str = include_str!("../template.yaml");
const GRAFANA: &str = include_str!("../infra/dashboards/grafana.json");

async fn exposition(world: &World, accept: &str) -> String {
    let answer = world.send(&Request::new("GET", "/metrics").header("Accept", accept)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    String::from_utf8(answer.body).unwrap()
}

/// Samples by name and labels.
async fn samples(world: &World) -> BTreeMap<String, f64> {
    let text = exposition(world, "*/*").await;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.into(), value.parse().unwrap()))
        .collect()
}

fn sum(samples: &BTreeMap<String, f64>, name: &str) -> f64 {
    let of = |sample: &str| sample.split('{').next() == Some(name);
    samples.iter().filter(|(sample, _)| of(sample)).map(|(_, value)| value).sum()
}

async fn do_some_of_everything(world: &World) {
    world.store("u/a", b"hello").await;
    // Past the function, as a slot's upload goes: it counts where it is sealed.
    let announced = Request::new("PUT", &tokens::v1("u/slot", 5)).header("X-Upload-Length", "5");
    let redirect = world.send(&announced).await;
    assert_eq!(follow_with(&redirect, "PUT", &[], b"hello").await.status, 200);
    world.lines.of_function("seal").await;
    let large = bytes(5_000_000);
    assert_eq!(world.put(&tokens::v1("u/large", large.len()), &large).await.status, 201);
    assert_eq!(world.put(&tokens::v1("u/a", 5), b"other").await.status, 409);
    assert_eq!(world.put("/upload/u/b?v=0", b"hello").await.status, 403);
    assert_eq!(world.put("/upload/u/c?v=0", b"hello").await.status, 403);
    for target in ["/upload/u/a", "/upload/u/large", "/upload/u/none"] {
        world.get(target).await;
        world.send(&Request::new("HEAD", target)).await;
    }
    world.send(&Request::new("GET", "/upload/u/large").header("Range", "bytes=100-")).await;
    world.send(&iq(&slot_request("a", 5, ""), ROMEO)).await;
}

#[tokio::test]
async fn requests_are_counted_as_what_they_are() {
    let world = component::world_with(true, &[]).await;
    do_some_of_everything(&world).await;
    let samples = samples(&world).await;
    for (name, value) in [
        ("satchel_uploads_total", 3.0),
        ("satchel_upload_bytes_total", 5_000_010.0),
        ("satchel_upload_errors_total{code=\"file_exists\"}", 1.0),
        ("satchel_upload_errors_total{code=\"mac_malformed\"}", 2.0),
        ("satchel_upload_duration_seconds_count", 2.0),
        ("satchel_upload_duration_seconds_bucket{le=\"+Inf\"}", 2.0),
        ("satchel_downloads_total", 2.0),
        ("satchel_slots_total", 1.0),
        ("satchel_seals_total", 1.0),
        ("satchel_expired_objects_total", 0.0),
        ("satchel_cold_starts_total", 4.0),
        ("satchel_storage_objects{area=\"uploads\"}", 3.0),
        ("satchel_storage_bytes{area=\"uploads\"}", 5_000_010.0),
        ("satchel_storage_objects{area=\"other\"}", 0.0),
        ("satchel_build_info{version=\"0.1.0\"}", 1.0),
    ] {
        assert_eq!(samples.get(name), Some(&value), "{name} in {samples:#?}");
    }
    assert!(samples["satchel_uptime_seconds"] > 0.0);
    world.stop().await;
}

/// CloudWatch and Prometheus are told the same.
#[tokio::test]
async fn the_lines_metrics_add_up_to_the_counters() {
    let world = component::world_with(true, &[]).await;
    do_some_of_everything(&world).await;
    let mut told: BTreeMap<String, f64> = BTreeMap::new();
    for (name, value) in world.lines.all().iter().flat_map(emf::metrics) {
        *told.entry(name).or_default() += value;
    }
    let samples = samples(&world).await;
    for Metric { name, unit, .. } in &METRICS {
        let told = told.get(*name).copied().unwrap_or_default();
        let counted = match unit {
            Unit::Milliseconds => sum(&samples, &format!("satchel_{name}_seconds_sum")) * 1_000.0,
            Unit::Count | Unit::Bytes => sum(&samples, &format!("satchel_{name}_total")),
        };
        assert!((told - counted).abs() < 0.01, "{name}: {told} and {counted}");
    }
    world.stop().await;
}

#[tokio::test]
async fn totals_of_what_is_stored_survive_a_restart() {
    let world = World::new().await;
    world.store("u/a", b"hello").await;
    let world = world.restart().await;
    world.stack.counted().await;
    assert_eq!(samples(&world).await["satchel_storage_bytes{area=\"uploads\"}"], 5.0);
    world.stop().await;
}

#[tokio::test]
async fn open_metrics_is_for_those_who_ask_for_it() {
    let world = World::new().await;
    let asked = exposition(&world, "application/openmetrics-text;version=1.0.0,text/plain;q=0.5").await;
    assert!(asked.ends_with("# EOF\n") && asked.contains("# TYPE satchel_uploads counter\n"), "{asked}");
    let text = exposition(&world, "text/plain").await;
    assert!(!text.contains("EOF") && text.contains("# TYPE satchel_uploads_total counter\n"), "{text}");
    world.stop().await;
}

fn known() -> BTreeSet<String> {
    METRICS.iter().map(|metric| metric.name.to_owned()).collect()
}

#[test]
fn the_templates_dashboard_shows_every_metric_and_no_other() {
    let named = TEMPLATE.split(r#"["${MetricsNamespace}", ""#).skip(1);
    let shown: BTreeSet<String> = named.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect();
    assert_eq!(shown, known());
}

#[test]
fn the_templates_dashboard_is_json() {
    let (_, body) = TEMPLATE.split_once("Fn::Sub:\n          - |\n").unwrap();
    let (body, _) = body.split_once("          # Log groups").unwrap();
    let dashboard: Value = serde_json::from_str(&body.replace("${", "{")).unwrap();
    assert!(dashboard["widgets"].as_array().unwrap().len() > 6, "{dashboard}");
}

#[test]
fn the_templates_alarms_watch_metrics_that_exist() {
    let watched: Vec<&str> = TEMPLATE.split("Namespace: !Ref MetricsNamespace").skip(1).collect();
    assert!(!watched.is_empty());
    for alarm in watched {
        let name = alarm.lines().find_map(|line| line.trim().strip_prefix("MetricName: ")).unwrap();
        assert!(known().contains(name), "{name}");
    }
}

/// An alarm on a code that nothing has would never be raised.
#[tokio::test]
async fn the_templates_alarms_watch_codes_that_uploads_have() {
    let named = TEMPLATE.split("{ Name: code, Value: ").skip(1);
    let watched: BTreeSet<String> = named.filter_map(|rest| Some(rest.split_once(" }")?.0.to_owned())).collect();
    let world = World::with(Setup { variables: elsewhere("127.0.0.1:1"), ..Setup::default() }).await;
    let [token, other] = ["s", "t"].map(|slot| tokens::bearer(&tokens::claims(slot, "a", 5, "", 4_000_000_000)));
    let [(signed, _), (_, signature)] = [&token, &other].map(|token| token.rsplit_once('.').unwrap());
    let forged = format!("{signed}.{signature}");
    world.put(&tokens::v1("u/a", 6), b"hello").await;
    world.put(&tokens::v1("u/a", 5), b"hello").await;
    world.send(&Request::new("PUT", "/upload/s/a").header("Authorization", forged).body(b"hello")).await;
    let counted = world.lines.all().into_iter().filter(|line| line["upload_errors"] == 1);
    let codes: BTreeSet<String> = counted.map(|line| line["code"].as_str().unwrap().to_owned()).collect();
    assert_eq!(watched, codes);
    world.stop().await;
}

/// Every function of the template writes to the same namespace.
#[test]
fn the_templates_functions_know_the_namespace() {
    assert_eq!(TEMPLATE.matches("SATCHEL_METRICS_NAMESPACE: !Ref MetricsNamespace").count(), 1, "in Globals");
}

#[tokio::test]
async fn the_grafana_dashboard_uses_metrics_that_are_exposed() {
    let world = component::world_with(true, &[]).await;
    do_some_of_everything(&world).await;
    let exposed: BTreeSet<String> =
        samples(&world).await.into_keys().map(|sample| sample.split('{').next().unwrap().to_owned()).collect();
    let dashboard: Value = serde_json::from_str(GRAFANA).unwrap();
    let mut used = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().unwrap();
            let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            used.extend(words.filter(|word| word.starts_with("satchel_")).map(str::to_owned));
        }
    }
    assert!(used.is_subset(&exposed), "{:?}", used.difference(&exposed));
    for Metric { name, .. } in &METRICS {
        assert!(used.iter().any(|metric| metric.starts_with(&format!("satchel_{name}_"))), "{name} is not shown");
    }
    world.stop().await;
}

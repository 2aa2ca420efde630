//! The table of the stack and its peers, and what became of the budgets.

use std::fmt::Write;

use super::cells;
use crate::{
    budgets::stack::verdicts,
    figures::{
        StackFigures, StackLoad,
        peers::{DURABLE, NGINX, PROSODY, SATCHEL},
    },
    units::{duration, mebibytes, size},
};

const HEAD: &str = "
| 16 connections | satchel, requests/s | p50 | p99 | bare durable | nginx | Prosody | server | client | client, nginx |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|
";

/// All of it.
pub fn of(figures: &StackFigures) -> String {
    let mut text = HEAD.to_owned();
    for load in figures.loads.iter().filter(|load| load.peer == SATCHEL) {
        text += &row(figures, load);
    }
    let (loads, parallel) = (figures.memory.loads_kib as f64, figures.memory.parallel_kib as f64);
    // Writing to a String does not fail.
    let _ = write!(
        text,
        "\nMemory of satchel at its peak: {} after these loads, {} after 64 PUTs of 100 MiB at once, too.\n",
        mebibytes(loads),
        mebibytes(parallel)
    );
    if !figures.missing.is_empty() {
        let _ = writeln!(text, "Not installed here, and not measured: {}.", figures.missing.join(", "));
    }
    text += &cells::verdicts(&verdicts(figures));
    text
}

fn row(figures: &StackFigures, load: &StackLoad) -> String {
    let StackLoad { method, bytes, .. } = load;
    let peer = |peer| match (figures.load(peer, method, *bytes), figures.ratio(peer, method, *bytes)) {
        (Some(load), Some(ratio)) => format!("{} ({ratio:.2} ×)", rate(load)),
        _ => String::new(),
    };
    let client = |load: &StackLoad| duration(load.median(|round| round.client_us));
    let cells = [
        format!("{method} {}", size(*bytes)),
        rate(load),
        duration(load.median(|round| round.p50_ms) * 1_000.0),
        duration(load.median(|round| round.p99_ms) * 1_000.0),
        peer(DURABLE),
        peer(NGINX),
        peer(PROSODY),
        duration(load.median(|round| round.server_us)),
        client(load),
        figures.load(NGINX, method, *bytes).map(client).unwrap_or_default(),
    ];
    format!("| {} |\n", cells.join(" | "))
}

fn rate(load: &StackLoad) -> String {
    let rate = load.median(|round| round.per_second);
    if rate < 10.0 { format!("{rate:.1}") } else { format!("{rate:.0}") }
}

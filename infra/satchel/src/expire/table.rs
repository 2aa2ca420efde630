//! A run's summary as a table for a person.

use satchel_core::{date_time, object_key::Key};
use satchel_expire::report::{Summary, Tally};

/// The table, and what does not fit into one.
pub(super) fn of(summary: &Summary) -> String {
    let done = if summary.dry_run { "would be deleted" } else { "deleted" };
    let mut lines = vec![
        row("", "files", "size"),
        tally(&format!("{done}: past their own expiry"), summary.expired),
        tally(&format!("{done}: over the total limit"), summary.over_limit),
        tally(&format!("{done}: abandoned uploads"), summary.abandoned),
    ];
    lines.extend(summary.left.map(|left| tally(if summary.dry_run { "would be left" } else { "left" }, left)));
    lines.extend(summary.unfinished.map(|unfinished| tally("unfinished uploads that may still go on", unfinished)));
    let (uploads, entries) = (summary.multipart_uploads, summary.stale_entries);
    lines.push(format!(
        "Unfinished multipart uploads {done}: {uploads}; entries of the index without a file: {entries}"
    ));
    if let (Some(oldest), Some(newest)) = (summary.oldest, summary.newest) {
        lines.push(format!("Stored from {} to {}", date_time::format(oldest), date_time::format(newest)));
    }
    if summary.changed > 0 {
        lines.push(format!("Left alone, as another was faster: {}", summary.changed));
    }
    if let Some(error) = &summary.last_error {
        lines.push(format!("Failed, and left for the next run: {}; the last one: {error}", summary.errors));
    }
    lines.push(format!("Report: {}", Key::of_report(summary.started, &summary.run).as_str()));
    lines.join("\n")
}

fn tally(name: &str, tally: Tally) -> String {
    row(name, &thousands(tally.objects), &bytes(tally.bytes))
}

fn row(name: &str, files: &str, size: &str) -> String {
    format!("{name:<42}{files:>14}{size:>14}")
}

/// Digits in groups of three.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}

/// Bytes as people count them.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let (mut unit, mut size) = (1_024_u64, "B");
    for name in UNITS {
        if bytes < unit {
            break;
        }
        size = name;
        unit = unit.saturating_mul(1_024);
    }
    if size == "B" {
        return format!("{bytes} B");
    }
    let unit = u128::from(unit / 1_024);
    let tenths = u128::from(bytes) * 10 / unit;
    format!("{}.{} {size}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use satchel_core::time::Timestamp;

    #[test]
    fn sizes_read_as_people_count() {
        for (size, text) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.0 KiB"),
            (1_536, "1.5 KiB"),
            (1_048_575, "1023.9 KiB"),
            (5 << 30, "5.0 GiB"),
            (u64::MAX, "16383.9 PiB"),
        ] {
            assert_eq!(bytes(size), text);
        }
        assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn the_table_says_how_many_how_much_and_what_is_left() {
        let mut summary = Summary::new("run".into(), true, Timestamp::from_seconds(0));
        summary.expired = Tally { objects: 1_234, bytes: 5_000 };
        summary.left = Some(Tally { objects: 7, bytes: 1 << 20 });
        let table = of(&summary);
        for expected in [
            "would be deleted: past their own expiry            1,234       4.8 KiB",
            "would be left                                          7       1.0 MiB",
            "Report: reports/1970-01-01/000000-run.jsonl",
        ] {
            assert!(table.contains(expected), "{table}");
        }
        assert_eq!(crate::control::said::gone(&summary), Tally { objects: 1_234, bytes: 5_000 });
    }
}

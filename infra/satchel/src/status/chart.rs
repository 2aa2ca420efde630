//! Uploads and downloads by the hour, as the coordinates of a drawing.

use crate::chronicle::Counts;

/// The drawing, in its own units; the style sheet scales it and colours it.
pub const WIDTH: u64 = 560;
/// Likewise.
pub const HEIGHT: u64 = 240;
/// Where the bars of the first hour begin; left of it are the labels of the lines.
pub const LEFT: u64 = 64;
const TOP: u64 = 10;
/// Below are the labels of the hours.
const BOTTOM: u64 = 206;
/// Of an hour, and of each of its two bars, with a gap between hours.
const HOUR: u64 = 20;
pub const BAR: u64 = 8;
const GAP: u64 = 2;
/// Lines above the base line. A day with one upload does not fill the drawing.
const LINES: u64 = 4;
/// Hours between labels.
const LABELLED: usize = 4;

/// What is drawn.
#[derive(Debug, PartialEq, Eq)]
pub struct Chart {
    /// Horizontal lines, each at a height and with the count that it stands for.
    pub lines: Vec<(u64, u64)>,
    /// Labels of hours, each at its middle.
    pub labels: Vec<(u64, String)>,
    /// In pairs.
    pub bars: Vec<Bar>,
}

/// What was done in an hour.
#[derive(Debug, PartialEq, Eq)]
pub struct Bar {
    /// What, for the style sheet and the tooltip: `uploads` or `downloads`.
    pub what: &'static str,
    /// When the hour began.
    pub hour: String,
    /// How often.
    pub count: u64,
    /// Its left edge.
    pub x: u64,
    /// Its upper edge.
    pub y: u64,
    /// From there to the base line.
    pub height: u64,
}

impl Chart {
    /// Draws hours, each with its beginning in seconds since the epoch.
    pub fn of(hours: &[(u64, Counts)]) -> Self {
        let most = hours.iter().map(|(_, counts)| counts.uploads.max(counts.downloads)).max().unwrap_or(0);
        let step = step(most);
        let edge = |at: usize| LEFT + at as u64 * HOUR;
        let label = |(at, (start, _)): (usize, &(u64, Counts))| (edge(at) + HOUR / 2, clock(*start));
        let bars = |(at, (start, counts)): (usize, &(u64, Counts))| {
            let both = [("uploads", counts.uploads, GAP), ("downloads", counts.downloads, GAP + BAR)];
            both.map(|(what, count, offset)| Bar::of(what, clock(*start), count, edge(at) + offset, step))
        };
        Self {
            lines: (0..=LINES).map(|line| (BOTTOM - line * (BOTTOM - TOP) / LINES, line * step)).collect(),
            labels: hours.iter().enumerate().step_by(LABELLED).map(label).collect(),
            bars: hours.iter().enumerate().flat_map(bars).filter(|bar| bar.count > 0).collect(),
        }
    }
}

impl Bar {
    fn of(what: &'static str, hour: String, count: u64, x: u64, step: u64) -> Self {
        // Once is seen however much was done in other hours.
        let height = (count.saturating_mul(BOTTOM - TOP) / (LINES * step)).max(1);
        Self { what, hour, count, x, y: BOTTOM - height, height }
    }
}

/// The smallest round number of which four are enough.
fn step(most: u64) -> u64 {
    let round = (0..17).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u64.pow(power)));
    round.into_iter().find(|step| step * LINES >= most).unwrap_or(u64::MAX / LINES)
}

/// Hour and minute of a time of day, in UTC.
pub fn clock(seconds: u64) -> String {
    format!("{:02}:{:02}", seconds / 3_600 % 24, seconds / 60 % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stand_for_round_numbers_that_hold_the_highest_bar() {
        for (most, expected) in [(0, 1), (4, 1), (5, 2), (8, 2), (9, 5), (20, 5), (21, 10), (41, 20), (4_000, 1_000)] {
            assert_eq!(step(most), expected, "{most}");
        }
        assert!(step(u64::MAX) > 0);
    }

    #[test]
    fn bars_stand_on_the_base_line_and_inside_the_drawing() {
        let busy = Counts { uploads: 4_000, downloads: 1 };
        let hours: Vec<(u64, Counts)> = (0..24).map(|hour| (hour * 3_600, busy)).collect();
        let chart = Chart::of(&hours);
        assert_eq!(chart.bars.len(), 48);
        for bar in &chart.bars {
            assert_eq!(bar.y + bar.height, BOTTOM, "{bar:?}");
            assert!((LEFT..=WIDTH - BAR).contains(&bar.x) && bar.y >= TOP && bar.height > 0, "{bar:?}");
        }
        assert_eq!((chart.bars[0].y, chart.bars[1].height), (TOP, 1), "the highest, and the lowest that is seen");
        assert_eq!(chart.lines, [(206, 0), (157, 1_000), (108, 2_000), (59, 3_000), (10, 4_000)]);
        assert_eq!(chart.labels.len(), 6);
        assert_eq!(chart.labels[1], (LEFT + 90, "04:00".to_owned()));
    }

    #[test]
    fn an_hour_without_anything_has_no_bar() {
        assert_eq!(Chart::of(&[(0, Counts::default())]).bars, []);
    }
}

//! The status page: everything as it is shown, for the template. askama escapes all of it for HTML.

use std::time::Duration;

use askama::Template;
use satchel_core::{date_time, time::Timestamp};
use satchel_folder::{Stock, StoreError};

use super::{
    chart::{self, Chart},
    shelves::{FILES, File, Shelves, Survey, UNFINISHED},
};
use crate::{
    another_s3::Caveat,
    chronicle::{Counts, Refusal},
    health::{Condition, Health},
    journal::Journal,
    paste::Paste,
    variables::Setting,
};

/// The page's style sheet.
pub const STYLE_SHEET: &str = include_str!("../../templates/status.css");

/// Of a file's name or type; keys are at most 1,024 bytes long.
const SHOWN_CHARACTERS: usize = 120;
const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];

/// What does not change while the stack runs.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Where clients come.
    pub address: String,
    /// Where files are.
    pub store: String,
    /// What has turned out about that since.
    pub caveat: Caveat,
    /// The variables, without secrets.
    pub settings: Vec<Setting>,
    /// The lines for the XMPP server, without secrets.
    pub pastes: Vec<Paste>,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The store cannot be read.
    #[error("the files cannot be read: {0}")]
    Store(#[from] StoreError),
    /// The template cannot be filled in.
    #[error("the page cannot be made: {0}")]
    Template(#[from] askama::Error),
}

#[derive(Template)]
#[template(path = "status.html")]
struct Page<'a> {
    facts: &'a Facts,
    version: &'static str,
    now: String,
    uptime: String,
    tiles: Vec<(&'static str, String)>,
    chart: Chart,
    hours: Vec<(String, Counts)>,
    embedded: bool,
    files: Vec<FileRow>,
    ahead: Vec<(&'static str, u64, String)>,
    refusals: Vec<RefusalRow>,
}

struct FileRow {
    name: String,
    size: String,
    content_type: String,
    stored: String,
    expires: String,
}

struct RefusalRow {
    date: String,
    time: String,
    what: String,
    code: &'static str,
    reason: String,
}

/// The page as of `now`, in seconds since the epoch.
///
/// # Errors
/// See [`PageError`].
pub async fn render(
    facts: &Facts,
    journal: &Journal,
    shelves: Option<&Shelves>,
    health: &Health,
    now: u64,
) -> Result<String, PageError> {
    let survey = match shelves {
        Some(shelves) => Some(shelves.survey(now).await?),
        None => None,
    };
    let areas = match shelves {
        Some(shelves) => Some(shelves.areas().await?),
        None => None,
    };
    let (hours, refusals) = journal.lately(now);
    let page = Page {
        facts,
        version: env!("CARGO_PKG_VERSION"),
        now: minute(now),
        uptime: span(journal.exporter().uptime()),
        tiles: tiles(areas.as_deref(), health, &hours, journal.refused()),
        chart: Chart::of(&hours),
        hours: hours.iter().map(|(start, counts)| (chart::clock(*start), *counts)).collect(),
        embedded: survey.is_some(),
        files: survey.iter().flat_map(|survey| &survey.newest).map(|file| FileRow::of(file, now)).collect(),
        ahead: survey.iter().flat_map(|survey| ahead(survey)).collect(),
        refusals: refusals.iter().map(RefusalRow::of).collect(),
    };
    Ok(page.render()?)
}

fn tiles(
    areas: Option<&[(&'static str, Stock)]>,
    health: &Health,
    hours: &[(u64, Counts)],
    refused: u64,
) -> Vec<(&'static str, String)> {
    let sum = |of: fn(&Counts) -> u64| hours.iter().map(|(_, counts)| of(counts)).sum::<u64>().to_string();
    let lately = [
        ("Uploads, last 24 hours", sum(|counts| counts.uploads)),
        ("Downloads, last 24 hours", sum(|counts| counts.downloads)),
        ("Refused since the start", refused.to_string()),
    ];
    let shown = |area: &str, of: fn(&Stock) -> String| {
        let stock = areas?.iter().find(|(name, _)| *name == area);
        Some(stock.map_or("counting".to_owned(), |(_, stock)| of(stock)))
    };
    let stored = [
        ("Files stored", shown(FILES, |files| files.objects.to_string())),
        ("Their size", shown(FILES, |files| bytes(files.bytes))),
        ("Size of unfinished uploads", shown(UNFINISHED, |begun| bytes(begun.bytes))),
    ];
    let stored = stored.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let room = match (&health.condition, health.free_bytes) {
        (Condition::Ok, Some(free)) => bytes(free),
        (Condition::Ok, None) => "unknown".to_owned(),
        (condition, _) => shown_whole(&format!("None: {condition}")),
    };
    stored.chain([("Room for more", room)]).chain(lately).collect()
}

fn ahead(survey: &Survey) -> impl Iterator<Item = (&'static str, u64, String)> {
    survey.ahead.iter().map(|(span, stock)| (*span, stock.objects, bytes(stock.bytes)))
}

impl FileRow {
    fn of(file: &File, now: u64) -> Self {
        let expires = match file.expires {
            Some(at) if at <= now => "expired".to_owned(),
            Some(at) => format!("in {}", span(Duration::from_secs(at - now))),
            None => "never".to_owned(),
        };
        Self {
            name: shown(&file.name),
            size: bytes(file.size),
            content_type: shown(&file.content_type),
            stored: minute(file.stored),
            expires,
        }
    }
}

impl RefusalRow {
    fn of(refusal: &Refusal) -> Self {
        let status = if refusal.status == 0 { "event".to_owned() } else { refusal.status.to_string() };
        let what = format!("{status} {} {}", refusal.method, refusal.function).replace("  ", " ");
        let at = second(refusal.at);
        let (date, time) = at.split_once(' ').map_or_else(Default::default, |(date, time)| (date.into(), time.into()));
        Self { date, time, what, code: refusal.code, reason: shown_whole(&refusal.reason) }
    }
}

/// Text that others have chosen, so that it can neither hide nor turn around what stands beside it: characters without
/// a shape of their own are spelt out, and what is too long ends with an ellipsis.
fn shown(text: &str) -> String {
    let whole = shown_whole(text);
    match whole.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}…", &whole[..end]),
        None => whole,
    }
}

fn shown_whole(text: &str) -> String {
    let spell = |character: char| match character {
        _ if character.is_control() => character.escape_unicode().collect(),
        // Soft hyphen, marks and overrides of direction, invisible spaces and separators, interlinear marks, tags.
        '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => character.escape_unicode().to_string(),
        _ => character.to_string(),
    };
    text.chars().map(spell).collect()
}

/// Bytes in the largest unit that leaves a whole number, or one decimal.
fn bytes(count: u64) -> String {
    if count < 1_024 {
        return format!("{count} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let mut left = count as f64 / 1_024.0;
    let mut unit = 0;
    // What would be rounded up to 1,024.0 is one of the next unit.
    while left >= 1_023.95 && unit + 1 < UNITS.len() {
        left /= 1_024.0;
        unit += 1;
    }
    format!("{left:.1} {}", UNITS[unit])
}

/// A span of time in its two largest units.
fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let units = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let first = units.iter().position(|(count, _)| *count > 0).unwrap_or(units.len() - 1);
    let words = units[first..].iter().take(2).filter(|(count, _)| *count > 0 || seconds == 0);
    words.map(|(count, unit)| format!("{count} {unit}")).collect::<Vec<_>>().join(" ")
}

/// `2026-01-31 12:00`, in UTC.
fn minute(seconds: u64) -> String {
    second(seconds).chars().take(16).collect()
}

/// `2026-01-31 12:00:00`, in UTC.
fn second(seconds: u64) -> String {
    date_time::format(Timestamp::from_seconds(seconds)).replace('T', " ").replace('Z', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_spelt_out() {
        for (name, expected) in [
            ("grüße 🎉 日本.png", "grüße 🎉 日本.png"),
            ("\u{202e}gpj.exe", "\\u{202e}gpj.exe"),
            ("a\u{0}b\nc\u{7f}\u{9b}", "a\\u{0}b\\u{a}c\\u{7f}\\u{9b}"),
            ("\u{200b}\u{feff}\u{e0041}", "\\u{200b}\\u{feff}\\u{e0041}"),
        ] {
            assert_eq!(shown(name), expected);
        }
        assert_eq!(shown(&"ü".repeat(SHOWN_CHARACTERS)).chars().count(), SHOWN_CHARACTERS);
        assert!(shown(&"ü".repeat(SHOWN_CHARACTERS + 1)).ends_with("ü…"));
    }

    #[test]
    fn sizes_have_one_decimal_and_the_right_unit() {
        for (count, expected) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.0 KiB"),
            (1_536, "1.5 KiB"),
            (1_048_575, "1.0 MiB"),
            (5_368_709_120, "5.0 GiB"),
            (u64::MAX, "16384.0 PiB"),
        ] {
            assert_eq!(bytes(count), expected);
        }
    }

    #[test]
    fn spans_have_their_two_largest_units() {
        for (seconds, expected) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (61, "1 min 1 s"),
            (3_600, "1 h"),
            (86_399, "23 h 59 min"),
            (90_061, "1 d 1 h"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn times_are_cut_to_what_matters() {
        let at = 1_700_000_000;
        assert_eq!((minute(at).as_str(), second(at).as_str()), ("2023-11-14 22:13", "2023-11-14 22:13:20"));
    }
}

//! The figures as people read them: Markdown, for the terminal and the README alike.

mod cells;
mod peers;
mod stack;

use std::{fs, path::Path};

use crate::{
    error::BenchError,
    figures::{CountFigures, Figures, FunctionFigures, Kind, Round, bare},
    units::{duration, mebibytes},
};
use cells::{package, requests};

/// Between these lines of a page the tables are put.
const MARKS: (&str, &str) = ("<!-- figures: begin -->\n", "<!-- figures: end -->\n");

/// All tables there are figures for.
pub fn of(figures: &Figures) -> String {
    let mut text = String::new();
    if let Some(bare) = bare(&figures.functions) {
        text += &functions(&figures.functions, bare);
    }
    text += &peers::of(&figures.peers);
    if !figures.counts.is_empty() {
        text += &counts(&figures.counts);
    }
    if let Some(figures) = &figures.stack {
        text += &stack::of(figures);
    }
    text
}

/// Replaces what a page has between its marks.
///
/// # Errors
/// The page cannot be read or written, or has no marks.
pub fn put_into(page: &Path, figures: &Figures) -> Result<(), BenchError> {
    let failed = |problem: String| BenchError::File { file: page.to_owned(), problem };
    let text = fs::read_to_string(page).map_err(|error| failed(error.to_string()))?;
    let replaced = between_marks(&text, &of(figures)).ok_or_else(|| failed("it has no marks for figures".into()))?;
    fs::write(page, replaced).map_err(|error| failed(error.to_string()))
}

fn between_marks(text: &str, tables: &str) -> Option<String> {
    let (before, rest) = text.split_once(MARKS.0)?;
    let (_, after) = rest.split_once(MARKS.1)?;
    Some(format!("{before}{}{tables}{}{after}", MARKS.0, MARKS.1))
}

fn functions(rows: &[FunctionFigures], bare: &FunctionFigures) -> String {
    let mut text = String::from(
        "| function | exec to first poll | exec to first response | warm p50 | warm p99 | resident | package | S3 requests |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for row in rows {
        text += &function(row, bare);
    }
    text
}

fn function(row: &FunctionFigures, bare: &FunctionFigures) -> String {
    let time = |figure: fn(&Round) -> f64| {
        let time = duration(row.median(figure));
        if matches!(row.kind, Kind::Bare | Kind::Harness) {
            return time;
        }
        format!("{time} ({:.2} ×)", row.ratio(bare, figure))
    };
    let cells = [
        row.name(),
        time(|round| round.first_poll_us),
        time(|round| round.first_response_us),
        time(|round| round.warm_p50_us),
        duration(row.median(|round| round.warm_p99_us)),
        mebibytes(row.median(|round| round.resident_kib as f64)),
        package(row.package_bytes),
        requests(row.s3_requests()),
    ];
    format!("| {} |\n", cells.join(" | "))
}

fn counts(rows: &[CountFigures]) -> String {
    let mut text = String::from(
        "\n| function | instructions to first poll | instructions per invoke | resident | peak | package | S3 requests |\n\
         |---|---:|---:|---:|---:|---:|---:|\n",
    );
    let bare = rows.iter().find(|row| row.kind == Kind::Bare);
    for row in rows {
        text += &count(row, bare);
    }
    text
}

fn count(row: &CountFigures, bare: Option<&CountFigures>) -> String {
    let instructions = |figure: fn(&CountFigures) -> u64| {
        let millions = format!("{:.3} M", figure(row) as f64 / 1e6);
        match bare.filter(|_| row.kind != Kind::Bare) {
            Some(bare) => format!("{millions} ({:.2} ×)", figure(row) as f64 / figure(bare) as f64),
            None => millions,
        }
    };
    let cells = [
        row.name(),
        instructions(|row| row.instructions_to_first_poll),
        instructions(|row| row.instructions_per_invoke),
        mebibytes(row.resident_kib as f64),
        mebibytes(row.peak_kib as f64),
        package(row.package_bytes),
        requests(row.s3_requests()),
    ];
    format!("| {} |\n", cells.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_keeps_what_is_around_its_marks() {
        let page = format!("before\n{}old\n{}after\n", MARKS.0, MARKS.1);
        let expected = format!("before\n{}new\n{}after\n", MARKS.0, MARKS.1);
        assert_eq!(between_marks(&page, "new\n").as_deref(), Some(expected.as_str()));
        assert_eq!(between_marks("before\nafter\n", "new\n"), None);
    }
}

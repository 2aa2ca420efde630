//! The chart of the README: a bar for each subject, in four panels.

use std::{fs, path::Path};

use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use crate::{
    error::BenchError,
    figures::{Figures, FunctionFigures, Kind},
};

const WIDTH: u32 = 1_000;
/// Of a row, and of what is around the rows of a panel.
const HEIGHT: (u32, u32) = (28, 90);
const PAPER: RGBColor = RGBColor(255, 255, 255);
const INK: RGBColor = RGBColor(36, 41, 47);
const LINES: RGBColor = RGBColor(208, 215, 222);
const BARE: RGBColor = RGBColor(140, 149, 159);
const SIGNING: RGBColor = RGBColor(26, 127, 55);
const STORAGE: RGBColor = RGBColor(9, 105, 218);

/// The same colours for those who like it dark.
const DARK: &str = "<style>@media (prefers-color-scheme: dark) { \
    [fill=\"#FFFFFF\"] { fill: #0d1117 } [fill=\"#24292F\"] { fill: #e6edf3 } [stroke=\"#24292F\"] { stroke: #e6edf3 } \
    [stroke=\"#D0D7DE\"] { stroke: #30363d } [fill=\"#1A7F37\"] { fill: #3fb950 } [fill=\"#0969DA\"] { fill: #58a6ff } \
    }</style>\n";

/// One panel.
struct Panel {
    title: &'static str,
    figure: fn(&FunctionFigures) -> f64,
    digits: usize,
}

const PANELS: [Panel; 4] = [
    Panel { title: "exec to first poll, ms", figure: |row| row.median(|round| round.first_poll_us) / 1e3, digits: 2 },
    Panel { title: "warm invoke, µs (median)", figure: |row| row.median(|round| round.warm_p50_us), digits: 0 },
    Panel {
        title: "resident memory, MiB",
        figure: |row| row.median(|round| round.resident_kib as f64) / 1_024.0,
        digits: 1,
    },
    Panel { title: "package, MB", figure: |row| row.package_bytes as f64 / 1e6, digits: 2 },
];

/// Draws the functions' figures, without those of large bodies, which would dwarf the others.
///
/// # Errors
/// The file cannot be written.
pub fn draw(figures: &Figures, file: &Path) -> Result<(), BenchError> {
    let shown = |row: &&FunctionFigures| row.kind != Kind::Harness && row.body_bytes == 0;
    let rows: Vec<&FunctionFigures> = figures.functions.iter().filter(shown).collect();
    let mut svg = String::new();
    panels(&rows, &mut svg).map_err(|error| BenchError::Chart(error.to_string()))?;
    // Rules come before what they are about.
    let svg = svg.replacen(">\n", &format!(">\n{DARK}"), 1);
    fs::write(file, svg).map_err(|error| BenchError::File { file: file.to_owned(), problem: error.to_string() })
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn panels(rows: &[&FunctionFigures], svg: &mut String) -> Result<(), Box<dyn std::error::Error>> {
    let height = HEIGHT.0 * u32::try_from(rows.len())? + HEIGHT.1;
    let root = SVGBackend::with_string(svg, (WIDTH, height * 2)).into_drawing_area();
    root.fill(&PAPER)?;
    for (area, panel) in root.split_evenly((2, 2)).iter().zip(&PANELS) {
        self::panel(area, rows, panel)?;
    }
    root.present()?;
    Ok(())
}

fn panel(area: &Area<'_>, rows: &[&FunctionFigures], panel: &Panel) -> Result<(), Box<dyn std::error::Error>> {
    let values: Vec<f64> = rows.iter().map(|row| (panel.figure)(row)).collect();
    let most = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let count = rows.len() as f64;
    let text = |size: i32| ("sans-serif", size).into_font().color(&INK);
    // From the top downwards, with room for the numbers behind the bars.
    let mut chart = ChartBuilder::on(area)
        .caption(panel.title, text(18))
        .margin(14)
        .y_label_area_size(170)
        .x_label_area_size(8)
        .build_cartesian_2d(0.0..most * 1.2, count..0.0)?;
    chart.configure_mesh().disable_mesh().axis_style(LINES).y_labels(0).x_labels(0).draw()?;
    let plane = chart.plotting_area();
    for ((row, value), top) in rows.iter().zip(&values).zip(0..) {
        let top = f64::from(top);
        plane.draw(&Rectangle::new([(0.0, top + 0.18), (*value, top + 0.82)], colour(row.kind).filled()))?;
        let text = |side| text(13).pos(Pos::new(side, VPos::Center));
        let point = |value| relative(area, plane.map_coordinate(&(value, top + 0.5)));
        let ((axis, middle), (end, _)) = (point(0.0), point(*value));
        area.draw_text(&row.name(), &text(HPos::Right), (axis - 8, middle))?;
        area.draw_text(&format!("{value:.*}", panel.digits), &text(HPos::Left), (end + 6, middle))?;
    }
    Ok(())
}

/// A point of the whole chart, within a panel.
fn relative(area: &Area<'_>, (x, y): (i32, i32)) -> (i32, i32) {
    let (left, top) = area.get_base_pixel();
    (x - left, y - top)
}

fn colour(kind: Kind) -> RGBColor {
    match kind {
        Kind::Harness | Kind::Bare => BARE,
        Kind::Signing => SIGNING,
        Kind::Storage | Kind::Referenced | Kind::Peer => STORAGE,
    }
}

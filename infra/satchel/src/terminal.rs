//! Lines for people, in colour where a terminal shows them, or as JSON for programs.

use std::{
    borrow::Cow,
    env,
    io::{IsTerminal, stdout},
};

use anstyle::{AnsiColor, Style};
use satchel_telemetry::{
    emf,
    level::Level,
    line::{Line, milliseconds, timestamp},
};
use serde_json::Value;

/// How lines are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line
    Json,
    /// For people; in colour on a terminal
    #[default]
    Text,
}

/// Whether standard output shows colours: a terminal, unless it or its user says otherwise (no-color.org).
#[must_use]
pub fn shows_colours() -> bool {
    let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    stdout().is_terminal() && !set("NO_COLOR") && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

impl LogFormat {
    /// A line as it is printed, without the line feed.
    #[must_use]
    pub fn render(self, line: &Line, colours: bool) -> String {
        match self {
            Self::Json => emf::json(line, None),
            Self::Text => text(line, colours),
        }
    }
}

const FAINT: Style = Style::new().dimmed();

/// When, status, method, function, code, milliseconds, the fields and the request's id.
fn text(line: &Line, colours: bool) -> String {
    let paint = |style: Style, text: &str| {
        let text = visible(text);
        if colours { format!("{style}{text}{style:#}") } else { text.into_owned() }
    };
    let status = line.status.map_or_else(|| "---".to_owned(), |status| status.as_u16().to_string());
    let method = line.method.as_ref().map_or("EVENT", http::Method::as_str);
    let took = format!("{:.1} ms", milliseconds(line.duration));
    let mut words = vec![
        paint(FAINT, &timestamp(line.at)),
        paint(style_of(line), &status),
        paint(Style::new(), &format!("{method} {}", line.function)),
        paint(style_of(line).bold(), line.code),
        paint(Style::new(), &took),
    ];
    // An event's counts are all there, and most of them are nothing.
    let noted = line.fields.iter().filter(|(_, value)| line.status.is_some() || !is_nothing(value));
    words.extend(
        noted.map(|(name, value)| paint(FAINT, &format!("{name}=")) + &paint(Style::new(), &value.to_string())),
    );
    words.push(paint(FAINT, &format!("id={}", line.request_id)));
    words.join(" ")
}

/// No count, or counts that are all nothing.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Object(counts) => counts.values().all(is_nothing),
        other => *other == 0,
    }
}

fn style_of(line: &Line) -> Style {
    let colour = match (line.level, line.status) {
        (Level::Error | Level::Fatal, _) => AnsiColor::Red,
        (Level::Warn, _) => AnsiColor::Yellow,
        (_, Some(status)) if status.is_redirection() => AnsiColor::Cyan,
        _ => AnsiColor::Green,
    };
    colour.on_default()
}

/// Letters and ASCII as they are; what could turn a terminal's line around, or hide in it, escaped.
fn visible(text: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    if text.bytes().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut visible = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_alphanumeric() || character.is_ascii_graphic() || character == ' ' {
            visible.push(character);
        } else {
            visible.extend(character.escape_unicode());
        }
    }
    Cow::Owned(visible)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{Method, StatusCode};
    use satchel_core::answer::Answer;
    use satchel_core::outcome::EventFailure;
    use satchel_telemetry::arrival::Seen;
    use serde_json::json;

    fn line(status: StatusCode, name: &str) -> Line {
        let mut response = Answer::empty(status, "a_code");
        response.note("name", name);
        response.note("size_bytes", 0);
        Seen::of_request("upload", Method::PUT, "7bed".into()).line(&response)
    }

    #[test]
    fn a_line_reads_from_left_to_right_whatever_is_in_it() {
        let text = LogFormat::Text.render(&line(StatusCode::FORBIDDEN, "\u{1b}[2J\u{202e}é\n"), false);
        let (_, rest) = text.split_once("Z ").unwrap();
        let (start, end) = rest.split_once(" ms ").unwrap();
        assert!(start.starts_with("403 PUT upload a_code "), "{text}");
        assert_eq!(end, "name=\"\\u001b[2J\\u{202e}é\\n\" size_bytes=0 id=7bed");
    }

    #[test]
    fn colours_say_how_it_went_and_are_taken_back() {
        for (status, colour) in [(201, 32), (307, 36), (404, 33), (503, 31)] {
            let text = LogFormat::Text.render(&line(StatusCode::from_u16(status).unwrap(), ""), true);
            assert!(text.contains(&format!("\u{1b}[{colour}m{status}\u{1b}[0m")), "{text:?}");
            assert_eq!(
                text.matches("[0m").count() * 2,
                text.matches('\u{1b}').count() - 1,
                "bold is one more: {text:?}"
            );
        }
    }

    #[derive(Debug, thiserror::Error)]
    #[error("it failed")]
    struct Failed;

    impl EventFailure for Failed {}

    #[test]
    fn an_events_line_leaves_out_what_did_not_happen() {
        let seen = Seen::of_event("seal", "7bed".into());
        let nothing = json!({"objects": 0, "bytes": 0});
        let done: Result<_, Failed> = Ok(json!({"sealed": 1, "gone": 0, "expired": nothing, "left": null}));
        let text = LogFormat::Text.render(&seen.event_line(&done), false);
        assert!(text.contains(" --- EVENT seal done ") && text.ends_with(" ms sealed=1 id=7bed"), "{text}");
        let failed = LogFormat::Text.render(&seen.event_line(&Err(Failed)), true);
        assert!(failed.contains("failed") && failed.contains("\u{1b}[31m"), "{failed:?}");
    }

    #[test]
    fn json_is_one_line_without_metrics() {
        let text = LogFormat::Json.render(&line(StatusCode::CREATED, "two\nlines"), true);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((value["code"].as_str(), text.lines().count()), (Some("a_code"), 1));
        assert!(value.get("_aws").is_none());
    }
}

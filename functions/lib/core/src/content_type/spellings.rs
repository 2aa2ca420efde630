//! Other spellings of a type with parameters that mean the same: the MAC is over the one of the slot request, and the
//! client's HTTP library writes its own.

use super::token::is_token;

/// The spellings that clients and their libraries have for a Content-Type (RFC 9110, sections 5.6.6 and 8.3.1): with and
/// without space after the semicolon, values bare and quoted, names and charsets in either case. The parameters stay in
/// their order. None for what cannot be read.
pub(super) fn spellings(header: &str) -> Vec<String> {
    let mut fields = fields(header).into_iter();
    let essence = fields.next().unwrap_or_default().trim();
    let Some(parameters) = fields.map(Parameter::read).collect::<Option<Vec<_>>>() else { return Vec::new() };
    let mut spellings = Vec::new();
    for case in [Case::AsSent, Case::Lower, Case::LowerWithUpperCharset] {
        for separator in ["; ", ";"] {
            for quoted in [false, true] {
                let start = if case == Case::AsSent { essence.to_owned() } else { essence.to_ascii_lowercase() };
                let write = |text: String, parameter: &Parameter| text + separator + &parameter.written(case, quoted);
                spellings.push(parameters.iter().fold(start, write));
            }
        }
    }
    spellings
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    AsSent,
    Lower,
    LowerWithUpperCharset,
}

struct Parameter {
    name: String,
    /// Without the quotation marks and backslashes of a quoted string.
    value: String,
}

impl Parameter {
    fn read(field: &str) -> Option<Self> {
        let (name, value) = field.trim().split_once('=')?;
        let value = match value.strip_prefix('"') {
            Some(quoted) => unescaped(quoted.strip_suffix('"')?),
            None => value.to_owned(),
        };
        is_token(name).then(|| Self { name: name.to_owned(), value })
    }

    fn written(&self, case: Case, quoted: bool) -> String {
        let name = if case == Case::AsSent { self.name.clone() } else { self.name.to_ascii_lowercase() };
        // Of other parameters it is not known whether case counts.
        let value = match case {
            Case::Lower if name == "charset" => self.value.to_ascii_lowercase(),
            Case::LowerWithUpperCharset if name == "charset" => self.value.to_ascii_uppercase(),
            _ => self.value.clone(),
        };
        if quoted || !is_token(&value) {
            format!("{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
        } else {
            format!("{name}={value}")
        }
    }
}

/// What semicolons outside quotation marks separate.
fn fields(header: &str) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let is_end = |character: char| {
        let toggles = character == '"' && !escaped;
        escaped = quoted && character == '\\' && !escaped;
        quoted ^= toggles;
        character == ';' && !quoted
    };
    header.split(is_end).collect()
}

fn unescaped(quoted: &str) -> String {
    let mut escaped = false;
    let kept = quoted.chars().filter(|character| {
        escaped = *character == '\\' && !escaped;
        !escaped
    });
    kept.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_spelt_as_any_library_does() {
        for (sent, signed) in [
            ("audio/ogg;codecs=opus", "audio/ogg; codecs=opus"),
            ("audio/ogg; codecs=opus", "audio/ogg;codecs=opus"),
            ("audio/ogg ; codecs=opus", "audio/ogg;codecs=opus"),
            ("audio/ogg; codecs=\"opus\"", "audio/ogg; codecs=opus"),
            ("audio/ogg; codecs=opus", "audio/ogg; codecs=\"opus\""),
            ("video/mp4;codecs=\"avc1.42E01E, mp4a.40.2\"", "video/mp4; codecs=\"avc1.42E01E, mp4a.40.2\""),
            ("Text/Plain; Charset=UTF-8", "text/plain;charset=utf-8"),
            ("text/plain;charset=utf-8", "text/plain; charset=UTF-8"),
            ("text/plain; charset=utf-8; format=flowed", "text/plain;charset=utf-8;format=flowed"),
            ("a/b; c=\"x;\\\"y\\\\\"", "a/b;c=\"x;\\\"y\\\\\""),
            ("IMAGE/PNG", "image/png"),
        ] {
            assert!(spellings(sent).iter().any(|spelling| spelling == signed), "{sent}: {:?}", spellings(sent));
        }
    }

    #[test]
    fn what_means_something_else_is_no_spelling() {
        for (sent, other) in [
            ("audio/ogg; codecs=opus", "audio/ogg"),
            ("audio/ogg; codecs=opus", "audio/ogg; codecs=vorbis"),
            ("audio/ogg; codecs=Opus", "audio/ogg; codecs=opus"),
            ("a/b; c=d", "a/b; c=d; e=f"),
        ] {
            assert!(!spellings(sent).iter().any(|spelling| spelling == other), "{sent}");
        }
        for unreadable in ["a/b; c", "a/b; c=\"d", "a/b; =d", "a/b;", "a/b; c d=e"] {
            assert!(spellings(unreadable).is_empty(), "{unreadable}");
        }
    }
}

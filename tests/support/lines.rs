//! The lines of a stack: read by tests, and searched for secrets when the stack has ended, whatever the test was about.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use satchel::{journal::Sink, settings::Settings, terminal::LogFormat};
use satchel_telemetry::{emf::json, line::Line};
use serde_json::Value;
use tokio::sync::Notify;
use url::Url;

use super::emf;

/// As in template.yaml.
pub const NAMESPACE: &str = "Satchel";

/// Variables that nobody may read.
const SECRETS: [&str; 7] = [
    "SATCHEL_UPLOAD_SECRETS",
    "SATCHEL_METRONOME_DELETE_SECRET",
    "SATCHEL_COMPONENT_CREDENTIALS",
    "SATCHEL_SLOT_CREDENTIALS",
    "SATCHEL_STATUS_CREDENTIALS",
    "SATCHEL_ROSTER_CREDENTIALS",
    "AWS_SECRET_ACCESS_KEY",
];
/// What presigned URLs, tokens and Authorization headers are made of.
const MARKS: [&str; 6] = ["X-Amz-", "Bearer ", "Basic ", "eyJ", "v=", "v2="];
/// A MAC is this long.
const MAC_DIGITS: usize = 64;

/// All lines so far.
pub struct Lines {
    seen: Arc<Seen>,
    secrets: Vec<String>,
}

#[derive(Default)]
struct Seen {
    lines: Mutex<Vec<Line>>,
    more: Notify,
}

impl Lines {
    pub fn of(settings: &Settings) -> (Self, Sink) {
        let seen = Arc::new(Seen::default());
        let taking = Arc::clone(&seen);
        let sink = Sink::new(move |line| {
            taking.lines.lock().unwrap().push(line.clone());
            taking.more.notify_waiters();
        });
        let lines = |name: &&str| settings.get(name).lines().map(str::to_owned).collect::<Vec<_>>();
        let refresh_url = Url::parse(settings.get("SATCHEL_PROSODY_REFRESH_URL")).ok();
        let password = refresh_url.and_then(|url| url.password().map(str::to_owned));
        let secrets = SECRETS.iter().flat_map(lines).chain(password).filter(|secret| !secret.is_empty()).collect();
        (Self { seen, secrets }, sink)
    }

    pub fn all(&self) -> Vec<Value> {
        self.seen.lines.lock().unwrap().iter().map(|line| parsed(&json(line, Some(NAMESPACE)))).collect()
    }

    /// The last line.
    pub fn last(&self) -> Value {
        self.all().pop().expect("a line")
    }

    /// The first line of a function, once it is there.
    pub async fn of_function(&self, function: &str) -> Value {
        self.having("function", function).await
    }

    /// The first line with a code, once it is there.
    pub async fn of_code(&self, code: &str) -> Value {
        self.having("code", code).await
    }

    async fn having(&self, field: &str, value: &str) -> Value {
        let found = async {
            loop {
                let more = self.seen.more.notified();
                if let Some(line) = self.all().into_iter().find(|line| line[field] == value) {
                    return line;
                }
                more.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), found)
            .await
            .unwrap_or_else(|_| panic!("no line with {field} {value}"))
    }

    fn assert_clean(&self) {
        for line in self.seen.lines.lock().unwrap().iter() {
            let json = json(line, Some(NAMESPACE));
            assert_eq!(json.lines().count(), 1, "{json}");
            emf::assert_valid(&parsed(&json));
            for rendered in [&json, &LogFormat::Text.render(line, false), &LogFormat::Text.render(line, true)] {
                self.assert_without_secrets(rendered);
            }
            assert_without_jid(line);
        }
    }

    fn assert_without_secrets(&self, rendered: &str) {
        for secret in &self.secrets {
            assert!(!rendered.contains(secret), "a secret in {rendered}");
            assert!(!rendered.contains(&BASE64_STANDARD.encode(secret)), "a secret in {rendered}");
        }
        for mark in MARKS {
            assert!(!rendered.contains(mark), "'{mark}' in {rendered}");
        }
        let mut run = 0;
        for byte in rendered.bytes() {
            run = if byte.is_ascii_hexdigit() { run + 1 } else { 0 };
            assert!(run < MAC_DIGITS, "a MAC in {rendered}");
        }
    }
}

/// File names may have an @ in them, and are part of what is signed; nothing else has one.
fn assert_without_jid(line: &Line) {
    for (name, value) in &line.fields {
        assert!(name == "signed_messages" || !value.to_string().contains('@'), "an address in {name}: {value}");
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.assert_clean();
        }
    }
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

//! What to paste into the XMPP server's configuration, as the settings have it.

use crate::settings::Settings;

/// What people are promised: mod_http_file_share's own default is 10 MB, and people share videos.
const PROMISED_SIZE: u64 = 1024 * 1024 * 1024;
/// Encrypted files are so much longer (XEP-0454: the tag of AES-GCM).
const ENCRYPTION_TAG: u64 = 16;

/// Lines for one file of an XMPP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paste {
    /// The file.
    pub file: &'static str,
    /// What has to be put in, besides a host name.
    pub note: String,
    /// The lines.
    pub lines: String,
}

/// All that fits these settings and the stack at `public_url`, with `secret` where the upload secret goes, which is where
/// `note` says.
pub fn pastes(public_url: &str, settings: &Settings, secret: &str, note: &str) -> Vec<Paste> {
    let beside = Beside::of(public_url);
    let has = |name: &str| !settings.get(name).is_empty();
    let (component, slots) = (has("SATCHEL_COMPONENT_CREDENTIALS"), has("SATCHEL_SLOT_CREDENTIALS"));
    let share = (!component && !slots).then(|| file_share(public_url, settings, secret, note));
    let component = component.then(|| self::component(&beside));
    let slots = slots.then(|| service_url(settings, &beside));
    let rosters = has("SATCHEL_ROSTER_CREDENTIALS").then(|| rosters(&beside));
    [share, component, slots, rosters].into_iter().flatten().collect()
}

/// Prosody gives out slots and signs them.
fn file_share(public_url: &str, settings: &Settings, secret: &str, note: &str) -> Paste {
    let limit = settings.get("SATCHEL_MAX_SIZE").parse().unwrap_or(PROMISED_SIZE + ENCRYPTION_TAG);
    let expiry = match settings.get("SATCHEL_RETENTION_DAYS") {
        "" => "-1".to_owned(),
        days => format!("{days} * 86400"),
    };
    let lines = format!(
        r#"Component "upload.example.org" "http_file_share"
    http_file_share_base_url = "{base_url}"
    http_file_share_secret = "{secret}"
    http_file_share_size_limit = {limit}
    http_file_share_daily_quota = {quota}
    http_file_share_expires_after = {expiry}
    storage = {{ uploads = "sql" }} -- needs lua-dbi-sqlite3; see "XMPP servers" in README.md
"#,
        base_url = public_url.trim_end_matches('/'),
        quota = limit.saturating_mul(10),
    );
    Paste { file: "prosody.cfg.lua", note: note.to_owned(), lines }
}

/// Satchel gives them out, to Prosody.
fn component(beside: &Beside<'_>) -> Paste {
    let lines = format!(
        r#"Component "upload.example.org" "component_http"
    component_post_url = "{}component"
    post_stanza_types = {{ "iq", "message" }}
"#,
        beside.with("USER:PASSWORD"),
    );
    Paste { file: "prosody.cfg.lua", note: line_of("SATCHEL_COMPONENT_CREDENTIALS", "USER:PASSWORD"), lines }
}

/// Satchel gives them out, to ejabberd.
fn service_url(settings: &Settings, beside: &Beside<'_>) -> Paste {
    let limit = settings.get("SATCHEL_MAX_SIZE").parse().unwrap_or(PROMISED_SIZE + ENCRYPTION_TAG);
    let lines = format!(
        r#"modules:
  mod_http_upload:
    hosts: ["upload.example.org"]
    service_url: "{}slot"
    max_size: {limit}
    rm_on_unregister: false
"#,
        beside.with("USER:PASSWORD"),
    );
    let note = line_of("SATCHEL_SLOT_CREDENTIALS", "USER:PASSWORD");
    Paste {
        file: "ejabberd.yml",
        note: format!("{note} (one without a colon goes to the end instead: /slot/SECRET)"),
        lines,
    }
}

fn rosters(beside: &Beside<'_>) -> Paste {
    let lines = format!(
        r#"-- In the global section, above the first VirtualHost: the refresh address asks for no password.
http_interfaces = {{ "127.0.0.1", "::1" }}
https_ports = {{}}

VirtualHost "example.org" -- see "Rosters" in README.md for the modules
    modules_enabled = {{ "http_roster_admin", "block_subscriptions", "satchel_rosters" }}
    modules_disabled = {{ "roster" }}
    storage = {{ roster = "none" }}
    http_host = "127.0.0.1"
    http_roster_url = "{}raw/contacts/%s/end"
"#,
        beside.with("USER:PASSWORD"),
    );
    Paste { file: "prosody.cfg.lua", note: line_of("SATCHEL_ROSTER_CREDENTIALS", "USER:PASSWORD"), lines }
}

fn line_of(variable: &str, placeholder: &str) -> String {
    format!("{placeholder} is a line of {variable}")
}

/// What the other functions' addresses begin with: the public URL without its `upload/`, or without a path.
struct Beside<'a> {
    scheme: &'a str,
    rest: &'a str,
}

impl<'a> Beside<'a> {
    fn of(public_url: &'a str) -> Self {
        let (scheme, rest) = public_url.split_once("://").unwrap_or(("http", public_url));
        let rest = rest.trim_end_matches('/');
        let host = rest.split('/').next().unwrap_or_default();
        Self { scheme, rest: rest.strip_suffix("/upload").unwrap_or(host) }
    }

    fn with(&self, credentials: &str) -> String {
        format!("{}://{credentials}@{}/", self.scheme, self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is printed with these variables.
    fn printed(variables: &[(&str, &str)]) -> Vec<Paste> {
        let folder = tempfile::tempdir().unwrap();
        let value =
            |name: &str| variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned());
        let settings = Settings::load(folder.path(), value).unwrap();
        pastes("https://files.example.org/upload/", &settings, "a secret", "a note")
    }

    fn lines(variables: &[(&str, &str)]) -> String {
        printed(variables).into_iter().map(|paste| paste.lines).collect()
    }

    #[test]
    fn a_token_names_the_retention_and_a_size_with_room_for_encryption() {
        let all = lines(&[]);
        for line in [
            "http_file_share_base_url = \"https://files.example.org/upload\"",
            "http_file_share_secret = \"a secret\"",
            "http_file_share_size_limit = 1073741840",
            "http_file_share_expires_after = 30 * 86400",
            "storage = { uploads = \"sql\" }",
        ] {
            assert!(all.contains(line), "{line} in {all}");
        }
        let all = lines(&[("SATCHEL_RETENTION_DAYS", "7"), ("SATCHEL_MAX_SIZE", "1000")]);
        assert!(all.contains("expires_after = 7 * 86400") && all.contains("size_limit = 1000\n"), "{all}");
        let elsewhere = lines(&[("AWS_ENDPOINT_URL_S3", "https://s3.example.org")]);
        assert!(elsewhere.contains("expires_after = -1"), "no rule, no expiry: {elsewhere}");
    }

    #[test]
    fn credentials_decide_what_is_printed() {
        let component = ("SATCHEL_COMPONENT_CREDENTIALS", "prosody:hunter2");
        let slot = ("SATCHEL_SLOT_CREDENTIALS", "hunter3");
        let roster = ("SATCHEL_ROSTER_CREDENTIALS", "app:hunter4");
        let url = "https://USER:PASSWORD@files.example.org/";
        for (variables, wanted) in [
            (vec![], vec!["http_file_share_base_url".to_owned()]),
            (vec![component], vec![format!("component_post_url = \"{url}component\"")]),
            (vec![slot], vec![format!("service_url: \"{url}slot\"")]),
            (vec![roster], vec!["http_file_share_base_url".to_owned(), format!("\"{url}raw/contacts/%s/end\"")]),
            (vec![component, slot, roster], vec!["/component".into(), "/slot".into(), "/raw/contacts/".into()]),
        ] {
            let printed = printed(&variables);
            assert_eq!(printed.len(), wanted.len(), "{printed:?}");
            for (paste, part) in printed.iter().zip(&wanted) {
                assert!(paste.lines.contains(part), "{part} in {paste:?}");
                assert!(!format!("{paste:?}").contains("hunter"), "credentials from outside are not shown");
            }
        }
    }

    #[test]
    fn the_functions_are_beside_upload() {
        for (public_url, beside) in [
            ("http://127.0.0.1:8080/upload", "http://a:b@127.0.0.1:8080/"),
            ("https://x.org/files/upload/", "https://a:b@x.org/files/"),
            ("https://x.org/share/", "https://a:b@x.org/"),
            ("https://x.org", "https://a:b@x.org/"),
        ] {
            assert_eq!(Beside::of(public_url).with("a:b"), beside, "{public_url}");
        }
    }
}

//! What the two roster functions are configured with.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use percent_encoding::percent_decode_str;
use url::Url;

use super::{ConfigError, S3Config, environment::Environment};
use crate::{basic::Callers, jid::domainpart};

/// What `roster-fetch` is configured with.
#[derive(Debug, Clone)]
pub struct RosterFetchConfig {
    /// Where rosters are.
    pub s3: S3Config,
    /// `SATCHEL_ROSTER_CREDENTIALS`: who may fetch and edit.
    pub callers: Callers,
    /// `SATCHEL_ROSTER_DOMAIN`: the domain of the accounts whose rosters are kept here.
    pub domain: Option<String>,
    /// The path of `SATCHEL_PUBLIC_URL`.
    pub public_path: Option<String>,
}

/// What `roster-refresh` is configured with.
#[derive(Debug, Clone)]
pub struct RosterRefreshConfig {
    /// `SATCHEL_ROSTER_CREDENTIALS`: who may ask for a refresh.
    pub callers: Callers,
    /// `SATCHEL_PROSODY_REFRESH_URL`.
    pub prosody: ProsodyUrl,
    /// Where rosters are; without a bucket nothing can be replaced.
    pub s3: Option<S3Config>,
}

/// Where Prosody takes refreshes. Printing it shows no password.
#[derive(Clone, PartialEq, Eq)]
pub struct ProsodyUrl {
    url: Url,
    authorization: Option<String>,
}

impl ProsodyUrl {
    /// Takes the userinfo out of a URL.
    #[must_use]
    pub fn of(mut url: Url) -> Self {
        let decoded = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
        let pair = [decoded(url.username()), decoded(url.password().unwrap_or_default())].join(&b':');
        let authorization = (pair != b":").then(|| format!("Basic {}", BASE64_STANDARD.encode(pair)));
        // Neither fails: the URL has a host.
        let _ = (url.set_username(""), url.set_password(None));
        Self { url, authorization }
    }

    /// The URL without userinfo.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// What goes into the Authorization header (RFC 7617).
    #[must_use]
    pub fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }
}

impl fmt::Debug for ProsodyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProsodyUrl").field(&self.url.as_str()).finish()
    }
}

const CREDENTIALS: &str = "SATCHEL_ROSTER_CREDENTIALS";

impl RosterFetchConfig {
    /// Reads the environment through `lookup`.
    ///
    /// # Errors
    /// Everything that is missing or malformed, in one value.
    pub fn parse(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut environment = Environment::new(&lookup);
        let s3 = environment.s3();
        let callers = environment.roster_callers();
        let domain = environment.roster_domain();
        let public_path = environment.public_path();
        environment.finish(callers.map(|callers| Self { s3, callers, domain, public_path }))
    }
}

impl RosterRefreshConfig {
    /// Reads the environment through `lookup`.
    ///
    /// # Errors
    /// Everything that is missing or malformed, in one value.
    pub fn parse(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut environment = Environment::new(&lookup);
        let callers = environment.roster_callers();
        let prosody = environment.prosody();
        let s3 = environment.text("SATCHEL_BUCKET").map(|_| environment.s3());
        environment.finish(callers.zip(prosody).map(|(callers, prosody)| Self { callers, prosody, s3 }))
    }
}

impl Environment<'_> {
    fn roster_callers(&mut self) -> Option<Callers> {
        let lines = self.text(CREDENTIALS).unwrap_or_default();
        Callers::pairs(&lines).map_err(|error| self.complain(CREDENTIALS, error.to_string())).ok()
    }

    fn roster_domain(&mut self) -> Option<String> {
        const NAME: &str = "SATCHEL_ROSTER_DOMAIN";
        let text = self.text(NAME)?;
        domainpart(&text).map_err(|_| self.complain(NAME, format!("'{text}' is no domain"))).ok()
    }

    fn prosody(&mut self) -> Option<ProsodyUrl> {
        const NAME: &str = "SATCHEL_PROSODY_REFRESH_URL";
        if self
            .required(NAME, "where Prosody takes refreshes, such as https://host:5281/roster_admin/refresh")
            .is_empty()
        {
            return None;
        }
        // One line, as Prosody is told with the current password.
        let Some(url) = self.text(NAME).and_then(|text| prosody_url(text.lines().next()?)) else {
            self.complain(NAME, "not an http:// or https:// URL");
            return None;
        };
        if url.fragment().is_some() {
            self.complain(NAME, "has a fragment, which would never reach Prosody");
            return None;
        }
        Some(ProsodyUrl::of(url))
    }
}

fn prosody_url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup<'a>(known: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| known.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    fn names(error: &ConfigError) -> Vec<&'static str> {
        error.0.iter().map(|problem| problem.name).collect()
    }

    #[test]
    fn all_that_is_missing_or_wrong_is_said_at_once() {
        let error = RosterFetchConfig::parse(|_| None).unwrap_err();
        assert_eq!(names(&error), ["SATCHEL_BUCKET", CREDENTIALS]);
        let error = RosterRefreshConfig::parse(|_| None).unwrap_err();
        assert_eq!(names(&error), [CREDENTIALS, "SATCHEL_PROSODY_REFRESH_URL"]);
        let bad = [
            ("SATCHEL_BUCKET", "b"),
            (CREDENTIALS, "no colon"),
            ("SATCHEL_ROSTER_DOMAIN", "a b"),
            ("SATCHEL_PROSODY_REFRESH_URL", "http://x/#y"),
        ];
        assert_eq!(names(&RosterFetchConfig::parse(lookup(&bad)).unwrap_err()), [CREDENTIALS, "SATCHEL_ROSTER_DOMAIN"]);
        let error = RosterRefreshConfig::parse(lookup(&bad)).unwrap_err();
        assert_eq!(names(&error), [CREDENTIALS, "SATCHEL_PROSODY_REFRESH_URL"]);
        let other_scheme = [(CREDENTIALS, "a:b"), ("SATCHEL_PROSODY_REFRESH_URL", "ftp://x/")];
        assert!(RosterRefreshConfig::parse(lookup(&other_scheme)).is_err());
    }

    #[test]
    fn only_replacing_needs_a_bucket() {
        let basics = [
            (CREDENTIALS, "app:hunter2"),
            ("SATCHEL_PROSODY_REFRESH_URL", "https://p.example:5281/roster_admin/refresh"),
        ];
        assert!(RosterRefreshConfig::parse(lookup(&basics)).unwrap().s3.is_none());
        let with_bucket = [basics[0], basics[1], ("SATCHEL_BUCKET", "b")];
        let config = RosterRefreshConfig::parse(lookup(&with_bucket)).unwrap();
        assert!(config.s3.is_some() && !format!("{config:?}").contains("hunter2"));
        let fetch = [with_bucket[0], with_bucket[2], ("SATCHEL_ROSTER_DOMAIN", "Example.ORG.")];
        assert_eq!(RosterFetchConfig::parse(lookup(&fetch)).unwrap().domain.as_deref(), Some("example.org"));
    }

    #[test]
    fn the_userinfo_becomes_a_header_and_is_never_printed() {
        for (url, bare, authorization) in [
            ("http://x/refresh", "http://x/refresh", None),
            ("http://satchel:hunter2@x/refresh?a", "http://x/refresh?a", Some("satchel:hunter2")),
            ("http://a%40b:p%3Aq@x/", "http://x/", Some("a@b:p:q")),
            ("http://token@x/", "http://x/", Some("token:")),
        ] {
            let prosody = ProsodyUrl::of(url.parse().unwrap());
            let expected = authorization.map(|pair| format!("Basic {}", BASE64_STANDARD.encode(pair)));
            assert_eq!((prosody.url().as_str(), prosody.authorization()), (bare, expected.as_deref()), "{url}");
            assert!(!format!("{prosody:?}").contains("hunter2"));
        }
    }
}

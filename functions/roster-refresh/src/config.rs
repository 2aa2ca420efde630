//! What `roster-refresh` is configured with.

use satchel_core::{
    basic::Callers,
    config::{Environment, FromEnvironment, S3Config},
};

use crate::prosody_url::ProsodyUrl;

const CREDENTIALS: &str = "SATCHEL_ROSTER_CREDENTIALS";

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

impl FromEnvironment for RosterRefreshConfig {
    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        let callers = Callers::read_required(environment, CREDENTIALS);
        let prosody = ProsodyUrl::read(environment);
        let s3 = environment.text("SATCHEL_BUCKET").map(|_| S3Config::read(environment));
        callers.zip(prosody).map(|(callers, prosody)| Self { callers, prosody, s3 })
    }
}

#[cfg(test)]
mod tests {
    use satchel_core::config::ConfigError;

    use super::*;

    fn lookup<'a>(known: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| known.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    fn names(error: &ConfigError) -> Vec<&'static str> {
        error.0.iter().map(|problem| problem.name).collect()
    }

    #[test]
    fn all_that_is_missing_or_wrong_is_said_at_once() {
        let error = RosterRefreshConfig::parse(|_| None).unwrap_err();
        assert_eq!(names(&error), [CREDENTIALS, "SATCHEL_PROSODY_REFRESH_URL"]);
        let bad = [("SATCHEL_BUCKET", "b"), (CREDENTIALS, "no colon"), ("SATCHEL_PROSODY_REFRESH_URL", "http://x/#y")];
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
    }
}

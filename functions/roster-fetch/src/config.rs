//! What `roster-fetch` is configured with.

use satchel_core::{
    basic::Callers,
    config::{Environment, FromEnvironment, S3Config},
    jid::domainpart,
};

const CREDENTIALS: &str = "SATCHEL_ROSTER_CREDENTIALS";

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

impl FromEnvironment for RosterFetchConfig {
    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        let s3 = S3Config::read(environment);
        let callers = Callers::read_required(environment, CREDENTIALS);
        let domain = domain(environment);
        let public_path = environment.public_path();
        callers.map(|callers| Self { s3, callers, domain, public_path })
    }
}

fn domain(environment: &mut Environment<'_>) -> Option<String> {
    const NAME: &str = "SATCHEL_ROSTER_DOMAIN";
    let text = environment.text(NAME)?;
    domainpart(&text).map_err(|_| environment.complain(NAME, format!("'{text}' is no domain"))).ok()
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
        let error = RosterFetchConfig::parse(|_| None).unwrap_err();
        assert_eq!(names(&error), ["SATCHEL_BUCKET", CREDENTIALS]);
        let bad = [("SATCHEL_BUCKET", "b"), (CREDENTIALS, "no colon"), ("SATCHEL_ROSTER_DOMAIN", "a b")];
        assert_eq!(names(&RosterFetchConfig::parse(lookup(&bad)).unwrap_err()), [CREDENTIALS, "SATCHEL_ROSTER_DOMAIN"]);
    }

    #[test]
    fn the_domain_is_prepared() {
        let fetch = [(CREDENTIALS, "app:hunter2"), ("SATCHEL_BUCKET", "b"), ("SATCHEL_ROSTER_DOMAIN", "Example.ORG.")];
        assert_eq!(RosterFetchConfig::parse(lookup(&fetch)).unwrap().domain.as_deref(), Some("example.org"));
    }
}

//! Configuration: environment variables, read once per cold start, all bad ones reported together.

mod environment;
mod roster;

use std::fmt;

use environment::Environment;
pub use roster::{ProsodyUrl, RosterFetchConfig, RosterRefreshConfig};

use crate::{
    base_url::BaseUrl,
    basic::Callers,
    disposition::SafeTypes,
    put::PutPolicy,
    resume::limits::{EVENT_BODY_BYTES, Limits},
    secret::{DeleteSecrets, Secrets},
    slot::{Retention, SlotPolicy, front::PutTarget},
    window::{DEFAULT_LIFE, MAX_LIFE, MIN_LIFE},
};

/// S3 takes objects of at most 5 GiB in one request (AWS: "Amazon S3 multipart upload limits").
pub const S3_PUT_LIMIT: u64 = 5 * 1024 * 1024 * 1024;

const SECONDS_PER_DAY: u64 = 86_400;

/// Seconds after which secrets are read again that are kept elsewhere: one request to Parameter Store in five minutes.
const DEFAULT_SECRETS_REFRESH: u64 = 300;

/// `SATCHEL_SECRETS_REFRESH`: seconds after which secrets are read again that are kept elsewhere.
///
/// # Errors
/// Not a number from 1 to 86,400.
pub fn secrets_refresh(lookup: impl Fn(&str) -> Option<String>) -> Result<u64, ConfigError> {
    let mut environment = Environment::new(&lookup);
    let seconds = environment.number("SATCHEL_SECRETS_REFRESH", 1, SECONDS_PER_DAY);
    environment.finish(Some(seconds.unwrap_or(DEFAULT_SECRETS_REFRESH)))
}

/// Which bucket stores the files. Its region, endpoint and credentials are AWS's own settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Config {
    /// `SATCHEL_BUCKET`.
    pub bucket: String,
    /// `SATCHEL_S3_PUBLIC_URL`: how clients reach it, where they need another address than the functions.
    pub public_endpoint: Option<BaseUrl>,
    /// `SATCHEL_S3_PATH_STYLE`: the bucket in the path instead of the host name.
    pub path_style: bool,
    /// `SATCHEL_RETENTION_DAYS`, `SATCHEL_PROFILE_RETENTION_DAYS`, `SATCHEL_EPHEMERAL_RETENTION_DAYS`: when the
    /// bucket's lifecycle rules delete what is older, in seconds. Only functions that store uploads ask.
    pub retention: Retention,
}

/// What `upload` is configured with.
#[derive(Debug, Clone)]
pub struct UploadConfig {
    /// Where files go.
    pub s3: S3Config,
    /// `SATCHEL_UPLOAD_SECRETS`, `SATCHEL_MAX_SIZE`, `SATCHEL_RETENTION_DAYS`.
    pub policy: PutPolicy,
    /// The path of `SATCHEL_PUBLIC_URL`.
    pub public_path: Option<String>,
    /// `SATCHEL_METRONOME_DELETE_SECRET`, one per line; DELETE is off without it.
    pub delete_secrets: Option<DeleteSecrets>,
}

/// What `resume` is configured with.
#[derive(Debug, Clone)]
pub struct ResumeConfig {
    /// Where files go.
    pub s3: S3Config,
    /// As `upload` has it: tokens are the same.
    pub policy: PutPolicy,
    /// The path of `SATCHEL_PUBLIC_URL`.
    pub public_path: Option<String>,
    /// `SATCHEL_PUBLIC_URL`: what the addresses of uploads begin with; the address of the request without it.
    pub public_url: Option<BaseUrl>,
    /// Bytes of one request: an event's room, unless what stands before the function knows better.
    pub max_append_size: Option<u64>,
}

impl ResumeConfig {
    /// How much is taken.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits { max_size: self.policy.max_size, max_append_size: self.max_append_size }
    }
}

/// What `download` is configured with.
#[derive(Debug, Clone)]
pub struct DownloadConfig {
    /// Where files are.
    pub s3: S3Config,
    /// `SATCHEL_SAFE_TYPES`.
    pub safe_types: SafeTypes,
    /// The path of `SATCHEL_PUBLIC_URL`.
    pub public_path: Option<String>,
    /// `SATCHEL_DOWNLOAD_URL_LIFE`: seconds that the URL of a download lives.
    pub url_life: u64,
}

/// What `seal` is configured with.
#[derive(Debug, Clone)]
pub struct SealConfig {
    /// Where files are.
    pub s3: S3Config,
}

/// What `expire` is configured with.
#[derive(Debug, Clone)]
pub struct ExpireConfig {
    /// Where files are.
    pub s3: S3Config,
    /// `SATCHEL_MAX_TOTAL_BYTES`: what all files together may have.
    pub max_total_bytes: Option<u64>,
}

/// What `component` is configured with.
#[derive(Debug, Clone)]
pub struct ComponentConfig {
    /// Where files go.
    pub s3: S3Config,
    /// `SATCHEL_MAX_SIZE`, `SATCHEL_DAILY_QUOTA`, `SATCHEL_ALLOWED_DOMAINS`, `SATCHEL_PURPOSES`, and the days of
    /// `SATCHEL_RETENTION_DAYS`, `SATCHEL_PROFILE_RETENTION_DAYS`, `SATCHEL_EPHEMERAL_RETENTION_DAYS`.
    pub policy: SlotPolicy,
    /// `SATCHEL_PUBLIC_URL`, with a slash at the end; the API's own address without it.
    pub public_url: Option<String>,
    /// `SATCHEL_COMPONENT_CREDENTIALS`: who may post stanzas; `/component` is off without it.
    pub callers: Option<Callers>,
    /// `SATCHEL_SLOT_CREDENTIALS`: who may ask for slots without a stanza; `/slot` is off without it.
    pub slot_callers: Option<Callers>,
    /// `SATCHEL_SLOT_PUT`: where the PUT of those slots goes.
    pub slot_put: PutTarget,
}

/// One variable and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct ConfigProblem {
    /// The variable.
    pub name: &'static str,
    /// What is wrong, and what would be right.
    pub problem: String,
}

/// All that is wrong with the environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError(pub Vec<ConfigProblem>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} problem(s):", self.0.len())?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl ConfigError {
    /// Both errors as one, each problem once.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0.into_iter().filter(|problem| !self.0.contains(problem)).collect::<Vec<_>>());
        self
    }
}

impl UploadConfig {
    /// Reads the environment through `lookup`.
    ///
    /// # Errors
    /// Everything that is missing or malformed, in one value.
    pub fn parse(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut environment = Environment::new(&lookup);
        let s3 = environment.s3_of_uploads();
        let policy = environment.put_policy(s3.retention.message);
        let public_path = environment.public_path();
        let delete_secrets = environment.text("SATCHEL_METRONOME_DELETE_SECRET");
        let delete_secrets = delete_secrets.as_deref().and_then(DeleteSecrets::parse);
        environment.finish(policy.map(|policy| Self { s3, policy, public_path, delete_secrets }))
    }
}

impl ResumeConfig {
    /// Reads the environment through `lookup`.
    ///
    /// # Errors
    /// Everything that is missing or malformed, in one value.
    pub fn parse(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut environment = Environment::new(&lookup);
        let s3 = environment.s3_of_uploads();
        let policy = environment.put_policy(s3.retention.message);
        let public_url = environment.public_base();
        let public_path = public_url.as_ref().map(|url| url.path().to_owned());
        let max_append_size = Some(EVENT_BODY_BYTES);
        environment.finish(policy.map(|policy| Self { s3, policy, public_path, public_url, max_append_size }))
    }
}

impl DownloadConfig {
    /// Reads the environment through `lookup`.
    ///
    /// # Errors
    /// Everything that is missing or malformed, in one value.
    pub fn parse(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut environment = Environment::new(&lookup);
        let s3 = environment.s3_of_uploads();
        let safe_types = environment.safe_types();
        let public_path = environment.public_path();
        let url_life = environment.number("SATCHEL_DOWNLOAD_URL_LIFE", MIN_LIFE, MAX_LIFE).unwrap_or(DEFAULT_LIFE);
        environment.finish(safe_types.map(|safe_types| Self { s3, safe_types, public_path, url_life }))
    }
}

impl SealConfig {
    /// Reads the environment through `lookup`.
    ///
    /// # Errors
    /// Everything that is missing or malformed, in one value.
    pub fn parse(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut environment = Environment::new(&lookup);
        let s3 = environment.s3_of_uploads();
        environment.finish(Some(Self { s3 }))
    }
}

impl ExpireConfig {
    /// Reads the environment through `lookup`.
    ///
    /// # Errors
    /// Everything that is missing or malformed, in one value.
    pub fn parse(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut environment = Environment::new(&lookup);
        let s3 = environment.s3();
        let max_total_bytes = environment.number("SATCHEL_MAX_TOTAL_BYTES", 1, u64::MAX);
        environment.finish(Some(Self { s3, max_total_bytes }))
    }
}

impl ComponentConfig {
    /// Reads the environment through `lookup`.
    ///
    /// # Errors
    /// Everything that is missing or malformed, in one value.
    pub fn parse(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut environment = Environment::new(&lookup);
        let s3 = environment.s3_of_uploads();
        let public_url = environment.public_url();
        let daily_quota = environment.number("SATCHEL_DAILY_QUOTA", 1, u64::MAX);
        let max_size = environment.number("SATCHEL_MAX_SIZE", 1, S3_PUT_LIMIT).unwrap_or(S3_PUT_LIMIT);
        // What no day has room for is too large, not to be tried again tomorrow.
        let max_size = max_size.min(daily_quota.unwrap_or(u64::MAX));
        let retention = s3.retention;
        let purposes = environment.purposes();
        let domains = environment.allowed_domains();
        let callers = environment.callers("SATCHEL_COMPONENT_CREDENTIALS");
        let slot_callers = environment.text("SATCHEL_SLOT_CREDENTIALS");
        let slot_callers = slot_callers.and_then(|lines| Callers::pairs_or_segments(&lines).ok());
        let secrets = environment.text("SATCHEL_UPLOAD_SECRETS").as_deref().and_then(Secrets::parse);
        let slot_put = environment.slot_put(secrets.as_ref());
        let known = callers.as_ref().or(slot_callers.as_ref()).map(Callers::secrets);
        if known.is_none() && environment.text("SATCHEL_COMPONENT_CREDENTIALS").is_none() {
            let problem = "missing; it holds user:password, one per line. SATCHEL_SLOT_CREDENTIALS alone would do, too";
            environment.complain("SATCHEL_COMPONENT_CREDENTIALS", problem);
        }
        // The keys that `upload` has, where there are any: one person has one owner id in all functions.
        environment.finish(secrets.or(known.cloned()).map(|owner_keys| {
            let policy = SlotPolicy { max_size, daily_quota, retention, purposes, domains, owner_keys };
            Self { s3, policy, public_url, callers, slot_callers, slot_put }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use crate::{disposition::DEFAULT_SAFE_TYPES, purpose::Purpose};

    fn with<'a>(extra: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        let basics = [("SATCHEL_BUCKET", "b"), ("SATCHEL_UPLOAD_SECRETS", "s")];
        move |name| {
            let mut known = extra.iter().chain(&basics);
            known.find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        }
    }

    fn names(error: &ConfigError) -> Vec<&'static str> {
        error.0.iter().map(|problem| problem.name).collect()
    }

    #[test]
    fn all_bad_variables_are_reported_at_once() {
        let error = UploadConfig::parse(|_| None).unwrap_err();
        assert_eq!(names(&error), ["SATCHEL_BUCKET", "SATCHEL_UPLOAD_SECRETS"]);
        let bad = [
            ("SATCHEL_METRONOME_DELETE_SECRET", "caf\u{fffd}"),
            ("SATCHEL_MAX_SIZE", "abc"),
            ("SATCHEL_RETENTION_DAYS", "-1"),
            ("SATCHEL_PUBLIC_URL", "example.org"),
            ("SATCHEL_S3_PUBLIC_URL", "http://127.0.0.1:9000/path"),
            ("SATCHEL_S3_PATH_STYLE", "yes"),
        ];
        let error = UploadConfig::parse(with(&bad)).unwrap_err();
        assert_eq!(error.0.len(), bad.len());
        for (name, _) in bad {
            assert!(error.to_string().contains(name), "{name} in {error}");
        }
        let error = DownloadConfig::parse(with(&[("SATCHEL_SAFE_TYPES", "png")])).unwrap_err();
        assert_eq!(names(&error), ["SATCHEL_SAFE_TYPES"]);
        let empty = DownloadConfig::parse(with(&[("SATCHEL_SAFE_TYPES", "")])).unwrap();
        assert_eq!(empty.safe_types, SafeTypes::parse(DEFAULT_SAFE_TYPES).unwrap());
    }

    #[test]
    fn defaults_are_the_least_surprising_ones() {
        let config = UploadConfig::parse(with(&[("SATCHEL_MAX_SIZE", "")])).unwrap();
        assert_eq!(config.policy.max_size, S3_PUT_LIMIT);
        assert_eq!(config.policy.retention, None);
        assert!(config.delete_secrets.is_none() && config.s3.public_endpoint.is_none() && !config.s3.path_style);
    }

    #[test]
    fn sizes_and_days_have_their_limits() {
        let max_size = |text: &str| UploadConfig::parse(with(&[("SATCHEL_MAX_SIZE", text)])).map(|c| c.policy.max_size);
        assert_eq!(max_size("1").unwrap(), 1);
        assert_eq!(max_size("5368709120").unwrap(), S3_PUT_LIMIT);
        assert!(max_size("0").is_err() && max_size("5368709121").is_err());
        let days = UploadConfig::parse(with(&[("SATCHEL_RETENTION_DAYS", "30")])).unwrap();
        assert_eq!(days.policy.retention, Some(30 * SECONDS_PER_DAY));
        assert_eq!((days.s3.retention.message, days.s3.retention.profile), (Some(30 * SECONDS_PER_DAY), None));
        let total = |text: &str| ExpireConfig::parse(with(&[("SATCHEL_MAX_TOTAL_BYTES", text)]));
        assert_eq!(total("").unwrap().max_total_bytes, None);
        assert_eq!(total("1").unwrap().max_total_bytes, Some(1));
        assert!(total("0").is_err() && total("10G").is_err());
        let life = |text: &str| DownloadConfig::parse(with(&[("SATCHEL_DOWNLOAD_URL_LIFE", text)])).map(|c| c.url_life);
        assert_eq!([life(""), life("60"), life("604800")].map(Result::unwrap), [DEFAULT_LIFE, 60, 604_800]);
        assert!(life("59").is_err() && life("604801").is_err() && life("1d").is_err());
    }

    #[test]
    fn the_public_url_lends_its_path() {
        for (url, path) in [("https://x.org", "/"), ("https://x.org/Prod/upload", "/Prod/upload/")] {
            let config = UploadConfig::parse(with(&[("SATCHEL_PUBLIC_URL", url)])).unwrap();
            assert_eq!(config.public_path.as_deref(), Some(path));
        }
    }

    #[test]
    fn a_component_needs_credentials() {
        let basics: &[(&str, &str)] = &[("SATCHEL_BUCKET", "b")];
        let parse = |extra: &[(&str, &str)]| {
            let known = [basics, extra].concat();
            let value = |name: &str| known.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            ComponentConfig::parse(value)
        };
        assert_eq!(names(&parse(&[]).unwrap_err()), ["SATCHEL_COMPONENT_CREDENTIALS"]);
        let bad = [
            ("SATCHEL_PUBLIC_URL", "https://x.org/?a"),
            ("SATCHEL_PURPOSES", "profile avatar"),
            ("SATCHEL_ALLOWED_DOMAINS", "a@b"),
            ("SATCHEL_COMPONENT_CREDENTIALS", "user"),
            ("SATCHEL_SLOT_PUT", "nginx"),
        ];
        assert_eq!(names(&parse(&bad).unwrap_err()), bad.map(|(name, _)| name));
        let good = [("SATCHEL_PUBLIC_URL", "https://x.org/upload"), ("SATCHEL_COMPONENT_CREDENTIALS", "u:hunter2")];
        let config = parse(&good).unwrap();
        assert_eq!(config.public_url.as_deref(), Some("https://x.org/upload/"));
        assert_eq!(parse(&good[1..]).unwrap().public_url, None);
        assert_eq!(config.policy.owner_keys.current(), &Secret::from("u:hunter2"));
        assert_eq!((config.policy.daily_quota, config.policy.max_size), (None, S3_PUT_LIMIT));
        let config = parse(&[good[1], ("SATCHEL_DAILY_QUOTA", "1000")]).unwrap();
        assert_eq!((config.policy.daily_quota, config.policy.max_size), (Some(1_000), 1_000));
        assert!(config.slot_callers.is_none() && !format!("{config:?}").contains("hunter2"));
        assert_eq!(config.policy.purposes, [Purpose::Profile, Purpose::Ephemeral, Purpose::Permanent]);
        for (list, purposes) in [("none", vec![]), ("message, permanent", vec![Purpose::Permanent])] {
            let config = parse(&[good[0], good[1], ("SATCHEL_PURPOSES", list)]).unwrap();
            assert_eq!(config.policy.purposes, purposes, "{list}");
        }
        let slots_alone = parse(&[("SATCHEL_SLOT_CREDENTIALS", "segment")]).unwrap();
        assert!(slots_alone.callers.is_none() && slots_alone.slot_callers.is_some());
        let with_secrets =
            [good[0], good[1], ("SATCHEL_UPLOAD_SECRETS", "new\nold"), ("SATCHEL_SLOT_CREDENTIALS", "x")];
        let config = parse(&with_secrets).unwrap();
        assert!(config.policy.owner_keys.current() == &Secret::from("new") && config.slot_callers.is_some());
        let front = ("SATCHEL_SLOT_PUT", "front");
        assert_eq!(names(&parse(&[good[1], front]).unwrap_err()), ["SATCHEL_SLOT_PUT"]);
        let config = parse(&[&with_secrets[..], &[front]].concat()).unwrap();
        assert!(matches!(config.slot_put, PutTarget::Front(secret) if secret == Secret::from("new")));
    }

    #[test]
    fn references_to_secrets_must_have_been_read_by_now() {
        let error =
            UploadConfig::parse(with(&[("SATCHEL_METRONOME_DELETE_SECRET", "ssm:/satchel/delete")])).unwrap_err();
        assert_eq!(names(&error), ["SATCHEL_METRONOME_DELETE_SECRET"]);
    }

    #[test]
    fn secrets_are_read_again_after_a_while() {
        let seconds = |text: &str| secrets_refresh(|_| Some(text.to_owned()));
        assert_eq!(secrets_refresh(|_| None), Ok(300));
        assert_eq!((seconds("1"), seconds("86400")), (Ok(1), Ok(86_400)));
        assert!(seconds("0").is_err() && seconds("86401").is_err());
    }

    #[test]
    fn no_secret_is_printed() {
        let secrets = [("SATCHEL_UPLOAD_SECRETS", "hunter2"), ("SATCHEL_METRONOME_DELETE_SECRET", "hunter2")];
        assert!(!format!("{:?}", UploadConfig::parse(with(&secrets)).unwrap()).contains("hunter2"));
    }
}

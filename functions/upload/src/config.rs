//! What `upload` is configured with.

use satchel_core::{
    config::{Configuration, Environment, FromEnvironment, S3Config},
    put::PutPolicy,
    secret::DeleteSecrets,
};

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

impl Configuration for UploadConfig {
    fn s3(&self) -> &S3Config {
        &self.s3
    }
}

impl FromEnvironment for UploadConfig {
    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        let s3 = S3Config::read_for_uploads(environment);
        let policy = PutPolicy::read(environment, s3.retention.message);
        let public_path = environment.public_path();
        let delete_secrets = environment.text("SATCHEL_METRONOME_DELETE_SECRET");
        let delete_secrets = delete_secrets.as_deref().and_then(DeleteSecrets::parse);
        policy.map(|policy| Self { s3, policy, public_path, delete_secrets })
    }
}

#[cfg(test)]
mod tests {
    use satchel_core::{config::ConfigError, put::S3_PUT_LIMIT};

    use super::*;

    const SECONDS_PER_DAY: u64 = 86_400;

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
    }

    #[test]
    fn the_public_url_lends_its_path() {
        for (url, path) in [("https://x.org", "/"), ("https://x.org/Prod/upload", "/Prod/upload/")] {
            let config = UploadConfig::parse(with(&[("SATCHEL_PUBLIC_URL", url)])).unwrap();
            assert_eq!(config.public_path.as_deref(), Some(path));
        }
    }

    #[test]
    fn references_to_secrets_must_have_been_read_by_now() {
        let error =
            UploadConfig::parse(with(&[("SATCHEL_METRONOME_DELETE_SECRET", "ssm:/satchel/delete")])).unwrap_err();
        assert_eq!(names(&error), ["SATCHEL_METRONOME_DELETE_SECRET"]);
    }

    #[test]
    fn no_secret_is_printed() {
        let secrets = [("SATCHEL_UPLOAD_SECRETS", "hunter2"), ("SATCHEL_METRONOME_DELETE_SECRET", "hunter2")];
        assert!(!format!("{:?}", UploadConfig::parse(with(&secrets)).unwrap()).contains("hunter2"));
    }
}

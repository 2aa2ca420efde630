//! What `download` is configured with.

use satchel_core::config::{Configuration, Environment, FromEnvironment, S3Config};

use crate::{
    disposition::SafeTypes,
    window::{DEFAULT_LIFE, MAX_LIFE, MIN_LIFE},
};

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

impl Configuration for DownloadConfig {
    fn s3(&self) -> &S3Config {
        &self.s3
    }
}

impl FromEnvironment for DownloadConfig {
    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        let s3 = S3Config::read_for_uploads(environment);
        let safe_types = SafeTypes::read(environment);
        let public_path = environment.public_path();
        let url_life = environment.number("SATCHEL_DOWNLOAD_URL_LIFE", MIN_LIFE, MAX_LIFE).unwrap_or(DEFAULT_LIFE);
        safe_types.map(|safe_types| Self { s3, safe_types, public_path, url_life })
    }
}

#[cfg(test)]
mod tests {
    use satchel_core::config::ConfigError;

    use super::*;
    use crate::disposition::DEFAULT_SAFE_TYPES;

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
    fn safe_types_are_checked_and_have_a_default() {
        let error = DownloadConfig::parse(with(&[("SATCHEL_SAFE_TYPES", "png")])).unwrap_err();
        assert_eq!(names(&error), ["SATCHEL_SAFE_TYPES"]);
        let empty = DownloadConfig::parse(with(&[("SATCHEL_SAFE_TYPES", "")])).unwrap();
        assert_eq!(empty.safe_types, SafeTypes::parse(DEFAULT_SAFE_TYPES).unwrap());
    }

    #[test]
    fn the_life_of_a_url_has_its_limits() {
        let life = |text: &str| DownloadConfig::parse(with(&[("SATCHEL_DOWNLOAD_URL_LIFE", text)])).map(|c| c.url_life);
        assert_eq!([life(""), life("60"), life("604800")].map(Result::unwrap), [DEFAULT_LIFE, 60, 604_800]);
        assert!(life("59").is_err() && life("604801").is_err() && life("1d").is_err());
    }
}

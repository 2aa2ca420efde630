//! What `expire` is configured with.

use satchel_core::config::{Configuration, Environment, FromEnvironment, S3Config};

/// What `expire` is configured with.
#[derive(Debug, Clone)]
pub struct ExpireConfig {
    /// Where files are.
    pub s3: S3Config,
    /// `SATCHEL_MAX_TOTAL_BYTES`: what all files together may have.
    pub max_total_bytes: Option<u64>,
}

impl Configuration for ExpireConfig {
    fn s3(&self) -> &S3Config {
        &self.s3
    }
}

impl FromEnvironment for ExpireConfig {
    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        let s3 = S3Config::read(environment);
        let max_total_bytes = environment.number("SATCHEL_MAX_TOTAL_BYTES", 1, u64::MAX);
        Some(Self { s3, max_total_bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<'a>(extra: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        let basics = [("SATCHEL_BUCKET", "b"), ("SATCHEL_UPLOAD_SECRETS", "s")];
        move |name| {
            let mut known = extra.iter().chain(&basics);
            known.find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn the_total_has_its_limits() {
        let total = |text: &str| ExpireConfig::parse(with(&[("SATCHEL_MAX_TOTAL_BYTES", text)]));
        assert_eq!(total("").unwrap().max_total_bytes, None);
        assert_eq!(total("1").unwrap().max_total_bytes, Some(1));
        assert!(total("0").is_err() && total("10G").is_err());
    }
}

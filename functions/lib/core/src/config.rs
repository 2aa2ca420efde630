//! Configuration: environment variables, read once per cold start, all bad ones reported together. What each function is
//! configured with stands with the function.

pub mod environment;
mod error;
mod s3;

pub use environment::{Environment, FromEnvironment};
pub use error::{ConfigError, ConfigProblem};
pub use s3::{Configuration, S3Config};

/// The exit code for a configuration that cannot work.
pub const BAD_CONFIGURATION: u8 = 2;

/// Seconds after which secrets are read again that are kept elsewhere: one request to Parameter Store in five minutes.
const DEFAULT_SECRETS_REFRESH: u64 = 300;

/// `SATCHEL_SECRETS_REFRESH`: seconds after which secrets are read again that are kept elsewhere.
///
/// # Errors
/// Not a number from 1 to 86,400.
pub fn secrets_refresh(lookup: impl Fn(&str) -> Option<String>) -> Result<u64, ConfigError> {
    let mut environment = Environment::new(&lookup);
    let seconds = environment.number("SATCHEL_SECRETS_REFRESH", 1, 86_400);
    environment.finish(Some(seconds.unwrap_or(DEFAULT_SECRETS_REFRESH)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_read_again_after_a_while() {
        let seconds = |text: &str| secrets_refresh(|_| Some(text.to_owned()));
        assert_eq!(secrets_refresh(|_| None), Ok(300));
        assert_eq!((seconds("1"), seconds("86400")), (Ok(1), Ok(86_400)));
        assert!(seconds("0").is_err() && seconds("86401").is_err());
    }
}

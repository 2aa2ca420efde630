//! Reading variables one by one, and remembering what was wrong with them.

use std::{fmt, str::FromStr};

use super::error::{ConfigError, ConfigProblem};
use crate::{
    base_url::{BaseUrl, BaseUrlError},
    secret_reference::SecretReference,
};

/// What a function is configured with.
pub trait FromEnvironment: Sized {
    /// Reads it, variable by variable; `None` where something is missing that was complained of.
    fn read(environment: &mut Environment<'_>) -> Option<Self>;

    /// Reads the environment through `lookup`.
    ///
    /// # Errors
    /// Everything that is missing or malformed, in one value.
    fn parse(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut environment = Environment::new(&lookup);
        let config = Self::read(&mut environment);
        environment.finish(config)
    }
}

/// More would overflow nothing, but can only be a slip.
const MAX_RETENTION_DAYS: u64 = 36_500;

/// Reads variables and remembers what was wrong with them.
pub struct Environment<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<ConfigProblem>,
}

impl fmt::Debug for Environment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").field("problems", &self.problems).finish_non_exhaustive()
    }
}

impl<'a> Environment<'a> {
    /// Reads through `lookup`.
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup, problems: Vec::new() }
    }

    /// The configuration, unless something was wrong on the way to it.
    ///
    /// # Errors
    /// Everything that was missing or malformed, in one value.
    pub fn finish<T>(self, config: Option<T>) -> Result<T, ConfigError> {
        match config {
            Some(config) if self.problems.is_empty() => Ok(config),
            _ => Err(ConfigError(self.problems)),
        }
    }

    /// Remembers what is wrong with a variable, and what would be right.
    pub fn complain(&mut self, name: &'static str, problem: impl Into<String>) {
        self.problems.push(ConfigProblem { name, problem: problem.into() });
    }

    /// A variable's value; empty is absent, as templates cannot leave a variable out.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        let value = (self.lookup)(name).filter(|value| !value.is_empty())?;
        if value.contains(char::REPLACEMENT_CHARACTER) {
            self.complain(name, "not UTF-8");
            return None;
        }
        // Lambda functions read it before they get here.
        if SecretReference::in_variable(name, &value).is_some() {
            self.complain(name, "refers to a secret kept at AWS, which only functions on Lambda read");
            return None;
        }
        Some(value)
    }

    /// A value that must be there; empty where it is not.
    pub fn required(&mut self, name: &'static str, meaning: &str) -> String {
        self.text(name).unwrap_or_else(|| {
            self.complain(name, format!("missing; it names {meaning}"));
            String::new()
        })
    }

    /// A whole number within limits.
    pub fn number(&mut self, name: &'static str, least: u64, most: u64) -> Option<u64> {
        let text = self.text(name)?;
        match u64::from_str(text.trim()) {
            Ok(number) if (least..=most).contains(&number) => Some(number),
            _ => {
                self.complain(name, format!("'{text}' is not a whole number from {least} to {most}"));
                None
            }
        }
    }

    /// Days, as seconds.
    pub fn days(&mut self, name: &'static str) -> Option<u64> {
        self.number(name, 1, MAX_RETENTION_DAYS).map(|days| days * 86_400)
    }

    /// A base URL.
    pub fn url(&mut self, name: &'static str) -> Option<BaseUrl> {
        let text = self.text(name)?;
        text.parse().map_err(|error: BaseUrlError| self.complain(name, error.to_string())).ok()
    }

    /// An endpoint is signed for, and S3 knows nothing of paths before the bucket.
    pub fn endpoint(&mut self, name: &'static str) -> Option<BaseUrl> {
        self.url(name)?.endpoint().map_err(|error| self.complain(name, error.to_string())).ok()
    }

    /// `true` or `false`, which is the default.
    pub fn flag(&mut self, name: &'static str) -> bool {
        match self.text(name).as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => {
                self.complain(name, format!("'{other}' is neither true nor false"));
                false
            }
        }
    }

    /// The public URL.
    pub fn public_base(&mut self) -> Option<BaseUrl> {
        self.url("SATCHEL_PUBLIC_URL")
    }

    /// The public URL, with a slash at the end, ready for paths.
    pub fn public_url(&mut self) -> Option<String> {
        self.public_base().map(|url| url.to_string())
    }

    /// The public URL's path, with a slash at the end.
    pub fn public_path(&mut self) -> Option<String> {
        self.public_base().map(|url| url.path().to_owned())
    }
}

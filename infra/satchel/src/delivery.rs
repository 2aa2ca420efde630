//! How files are carried out: where bodies go that come in, and who hands them out.

use satchel_core::config::{ConfigError, ConfigProblem};

use crate::any_store::AnyStore;

/// The variable that says so for another S3.
const DOWNLOADS: &str = "SATCHEL_DOWNLOADS";

/// How a program carries files out, decided at its start.
#[derive(Debug)]
pub enum Delivery {
    /// Bodies come in events, downloads are redirected.
    AsOnAws,
    /// Bodies are streamed into the store, downloads are redirected to it.
    Redirected(AnyStore),
    /// Both are streamed.
    Streamed(AnyStore),
}

impl Delivery {
    /// What is fit for a store: a folder has no address that clients could be redirected to.
    #[must_use]
    pub fn of(store: &AnyStore, strict_aws: bool, downloads: Downloads) -> Self {
        match (store, downloads) {
            _ if strict_aws => Self::AsOnAws,
            (AnyStore::S3(..), Downloads::Redirect) => Self::Redirected(store.clone()),
            _ => Self::Streamed(store.clone()),
        }
    }

    /// Whether what comes is written to its place on this machine at once.
    #[must_use]
    pub fn is_into_the_folder(&self) -> bool {
        matches!(self, Self::Streamed(AnyStore::Folder(_)))
    }
}

/// How another S3's files are handed out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Downloads {
    /// Clients are sent to presigned URLs.
    #[default]
    Redirect,
    /// The bytes pass through.
    Stream,
}

impl Downloads {
    /// Reads the variable. The folder's files are always handed out by the program.
    ///
    /// # Errors
    /// Neither `redirect` nor `stream`; or there is no other S3.
    pub fn parse(value: Option<&str>, embedded: bool) -> Result<Self, ConfigError> {
        let refused =
            |problem: &str| Err(ConfigError(vec![ConfigProblem { name: DOWNLOADS, problem: problem.into() }]));
        match value {
            None => Ok(Self::default()),
            Some(_) if embedded => {
                refused("for another S3 alone: the files of the data folder are handed out here; leave it out")
            }
            Some("redirect") => Ok(Self::Redirect),
            Some("stream") => Ok(Self::Stream),
            Some(_) => refused("neither redirect nor stream"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_s3_has_the_choice_and_the_folder_none() {
        for (value, embedded, expected) in [
            (None, true, Some(Downloads::Redirect)),
            (None, false, Some(Downloads::Redirect)),
            (Some("redirect"), false, Some(Downloads::Redirect)),
            (Some("stream"), false, Some(Downloads::Stream)),
            (Some("stream"), true, None),
            (Some("redirect"), true, None),
            (Some("Stream"), false, None),
        ] {
            let parsed = Downloads::parse(value, embedded);
            assert_eq!(parsed.as_ref().ok(), expected.as_ref(), "{value:?}, {embedded}");
            assert!(parsed.is_ok() || parsed.unwrap_err().to_string().contains(DOWNLOADS), "{value:?}, {embedded}");
        }
    }
}

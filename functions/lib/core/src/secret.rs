//! Shared secrets: a list, so that the current and the previous one both verify during rotation.

use std::fmt;

use crate::config::environment::Environment;

/// One shared secret, as raw bytes (never base64-decoded). Printing it shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// The bytes that key a MAC.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(secret: &str) -> Self {
        Self(secret.as_bytes().to_vec())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// All secrets that verify; the first is the current one.
#[derive(Debug, Clone)]
pub struct Secrets {
    current: Secret,
    previous: Vec<Secret>,
}

impl Secrets {
    /// Reads one secret per line; blank lines are skipped, spaces within a line belong to the secret.
    /// Gives `None` where no line holds one.
    #[must_use]
    pub fn parse(lines: &str) -> Option<Self> {
        let mut secrets = lines.lines().filter(|line| !line.trim().is_empty()).map(Secret::from);
        Some(Self { current: secrets.next()?, previous: secrets.collect() })
    }

    /// Reads `SATCHEL_UPLOAD_SECRETS`, which has to be there.
    pub fn read(environment: &mut Environment<'_>) -> Option<Self> {
        const NAME: &str = "SATCHEL_UPLOAD_SECRETS";
        let secrets = environment.text(NAME).as_deref().and_then(Self::parse);
        if secrets.is_none() {
            environment.complain(NAME, "missing; it holds the secrets shared with the XMPP server, one per line");
        }
        secrets
    }

    /// The secret that new ids are keyed with.
    #[must_use]
    pub fn current(&self) -> &Secret {
        &self.current
    }

    /// Others made of these, one of each.
    #[must_use]
    pub fn map(&self, derive: impl Fn(&Secret) -> Secret) -> Self {
        Self { current: derive(&self.current), previous: self.previous.iter().map(derive).collect() }
    }

    /// The secrets, the current one first.
    pub fn iter(&self) -> impl Iterator<Item = &Secret> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

/// Metronome's second secret, as it goes into the MACed message: the current and the previous ones. Printing them shows
/// nothing.
#[derive(Clone)]
pub struct DeleteSecrets(Vec<String>);

impl DeleteSecrets {
    /// One secret per line; `None` where no line holds one.
    #[must_use]
    pub fn parse(lines: &str) -> Option<Self> {
        let secrets: Vec<_> = lines.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
        (!secrets.is_empty()).then_some(Self(secrets))
    }

    /// The secrets, the current one first.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Debug for DeleteSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeleteSecrets(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_come_one_per_line_and_blank_lines_do_not_count() {
        let secrets = Secrets::parse("current one\r\n\n  \nprevious\n").unwrap();
        let bytes: Vec<&[u8]> = secrets.iter().map(Secret::as_bytes).collect();
        assert_eq!(bytes, [b"current one".as_slice(), b"previous"]);
        assert!(Secrets::parse(" \n\n").is_none() && DeleteSecrets::parse(" \n\n").is_none());
        let secrets = DeleteSecrets::parse("current one\r\n\nprevious\n").unwrap();
        assert_eq!(secrets.iter().collect::<Vec<_>>(), ["current one", "previous"]);
    }

    #[test]
    fn a_secret_is_never_printed() {
        assert!(!format!("{:?}", Secrets::parse("hunter2")).contains("hunter2"));
        assert!(!format!("{:?}", DeleteSecrets::parse("hunter2")).contains("hunter2"));
    }
}

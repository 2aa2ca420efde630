//! References to secrets that are kept elsewhere, in variables that would otherwise hold the secrets themselves.

/// Where a secret is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretReference {
    /// `ssm:/satchel/upload-secrets`: a parameter of AWS Systems Manager's Parameter Store, by its name with the slash.
    Parameter(String),
    /// `secretsmanager:satchel/upload-secrets`: a secret of AWS Secrets Manager, by name or ARN.
    Secret(String),
}

impl SecretReference {
    /// Reads a variable's value; `None` for one that is a secret itself.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let (kind, name) = value.trim().split_once(':')?;
        match kind {
            "ssm" if name.starts_with('/') && is_name(name) => Some(Self::Parameter(name.to_owned())),
            "secretsmanager" if is_name(name) => Some(Self::Secret(name.to_owned())),
            _ => None,
        }
    }

    /// The reference in a variable, where such a variable may hold one: those named `SATCHEL_..._SECRETS`, `_SECRET` and
    /// `_CREDENTIALS`, and `_REFRESH_URL`, which has a password in it.
    #[must_use]
    pub fn in_variable(name: &str, value: &str) -> Option<Self> {
        let secret = ["_SECRETS", "_SECRET", "_CREDENTIALS", "_REFRESH_URL"].iter().any(|end| name.ends_with(end));
        if secret && name.starts_with("SATCHEL_") { Self::parse(value) } else { None }
    }
}

/// The characters that names of parameters and secrets, and ARNs, are made of.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_.-+=@:".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_told_from_secrets() {
        let parameter = |name: &str| Some(SecretReference::Parameter(name.to_owned()));
        let secret = |name: &str| Some(SecretReference::Secret(name.to_owned()));
        for (value, reference) in [
            ("ssm:/satchel/upload-secrets", parameter("/satchel/upload-secrets")),
            (" ssm:/a\n", parameter("/a")),
            ("secretsmanager:satchel/upload", secret("satchel/upload")),
            (
                "secretsmanager:arn:aws:secretsmanager:eu-central-1:1:secret:a-b",
                secret("arn:aws:secretsmanager:eu-central-1:1:secret:a-b"),
            ),
            ("ssm:no-slash", None),
            ("ssm:/a b", None),
            ("ssm:/a\nold", None),
            ("secretsmanager:", None),
            ("user:password", None),
            ("plain", None),
            ("", None),
        ] {
            assert_eq!(SecretReference::parse(value), reference, "{value}");
        }
    }

    #[test]
    fn only_variables_of_secrets_hold_references() {
        for (name, holds) in [
            ("SATCHEL_UPLOAD_SECRETS", true),
            ("SATCHEL_METRONOME_DELETE_SECRET", true),
            ("SATCHEL_SLOT_CREDENTIALS", true),
            ("SATCHEL_PROSODY_REFRESH_URL", true),
            ("SATCHEL_PUBLIC_URL", false),
            ("SATCHEL_BUCKET", false),
            ("AWS_SECRET", false),
        ] {
            assert_eq!(SecretReference::in_variable(name, "ssm:/a").is_some(), holds, "{name}");
        }
    }
}

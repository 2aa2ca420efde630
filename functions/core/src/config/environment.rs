//! Reading variables one by one, and remembering what was wrong with them.

use std::str::FromStr;

use super::{ConfigError, ConfigProblem, S3_PUT_LIMIT, S3Config, SECONDS_PER_DAY};
use crate::{
    base_url::{BaseUrl, BaseUrlError},
    basic::Callers,
    disposition::{DEFAULT_SAFE_TYPES, SafeTypes},
    purpose::Purpose,
    put::PutPolicy,
    secret::Secrets,
    secret_reference::SecretReference,
    slot::{AllowedDomains, Retention, front::PutTarget},
};

/// More would overflow nothing, but can only be a slip.
const MAX_RETENTION_DAYS: u64 = 36_500;

/// Reads variables and remembers what was wrong with them.
pub(super) struct Environment<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<ConfigProblem>,
}

impl<'a> Environment<'a> {
    pub(super) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup, problems: Vec::new() }
    }

    /// The configuration, unless something was wrong on the way to it.
    pub(super) fn finish<T>(self, config: Option<T>) -> Result<T, ConfigError> {
        match config {
            Some(config) if self.problems.is_empty() => Ok(config),
            _ => Err(ConfigError(self.problems)),
        }
    }

    pub(super) fn complain(&mut self, name: &'static str, problem: impl Into<String>) {
        self.problems.push(ConfigProblem { name, problem: problem.into() });
    }

    /// A variable's value; empty is absent, as templates cannot leave a variable out.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
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

    pub(super) fn required(&mut self, name: &'static str, meaning: &str) -> String {
        self.text(name).unwrap_or_else(|| {
            self.complain(name, format!("missing; it names {meaning}"));
            String::new()
        })
    }

    pub(super) fn number(&mut self, name: &'static str, least: u64, most: u64) -> Option<u64> {
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
    fn days(&mut self, name: &'static str) -> Option<u64> {
        self.number(name, 1, MAX_RETENTION_DAYS).map(|days| days * SECONDS_PER_DAY)
    }

    fn retention(&mut self) -> Retention {
        Retention {
            message: self.days("SATCHEL_RETENTION_DAYS"),
            profile: self.days("SATCHEL_PROFILE_RETENTION_DAYS"),
            ephemeral: self.days("SATCHEL_EPHEMERAL_RETENTION_DAYS"),
        }
    }

    /// The purposes that slots may be asked for besides `message`, which every file can be.
    pub(super) fn purposes(&mut self) -> Vec<Purpose> {
        const NAME: &str = "SATCHEL_PURPOSES";
        const OPTIONAL: [Purpose; 3] = [Purpose::Profile, Purpose::Ephemeral, Purpose::Permanent];
        let Some(list) = self.text(NAME) else { return OPTIONAL.to_vec() };
        let names = || list.split([',', ' ']).filter(|name| !name.is_empty());
        let known = |name: &str| name == "none" || Purpose::ALL.iter().any(|purpose| purpose.as_str() == name);
        if let Some(stray) = names().find(|name| !known(name)) {
            self.complain(NAME, format!("'{stray}' is none of message, profile, ephemeral, permanent, none"));
        }
        OPTIONAL.into_iter().filter(|purpose| names().any(|name| name == purpose.as_str())).collect()
    }

    fn url(&mut self, name: &'static str) -> Option<BaseUrl> {
        let text = self.text(name)?;
        text.parse().map_err(|error: BaseUrlError| self.complain(name, error.to_string())).ok()
    }

    /// An endpoint is signed for, and S3 knows nothing of paths before the bucket.
    fn endpoint(&mut self, name: &'static str) -> Option<BaseUrl> {
        self.url(name)?.endpoint().map_err(|error| self.complain(name, error.to_string())).ok()
    }

    pub(super) fn flag(&mut self, name: &'static str) -> bool {
        match self.text(name).as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => {
                self.complain(name, format!("'{other}' is neither true nor false"));
                false
            }
        }
    }

    pub(super) fn s3(&mut self) -> S3Config {
        let bucket = self.required("SATCHEL_BUCKET", "the bucket that stores the files");
        S3Config {
            bucket,
            public_endpoint: self.endpoint("SATCHEL_S3_PUBLIC_URL"),
            path_style: self.flag("SATCHEL_S3_PATH_STYLE"),
            retention: Retention::default(),
        }
    }

    /// The same for functions that store uploads.
    pub(super) fn s3_of_uploads(&mut self) -> S3Config {
        let s3 = self.s3();
        S3Config { retention: self.retention(), ..s3 }
    }

    pub(super) fn secrets(&mut self) -> Option<Secrets> {
        let secrets = self.text("SATCHEL_UPLOAD_SECRETS").as_deref().and_then(Secrets::parse);
        if secrets.is_none() {
            self.complain(
                "SATCHEL_UPLOAD_SECRETS",
                "missing; it holds the secrets shared with the XMPP server, one per line",
            );
        }
        secrets
    }

    /// What `upload` and `resume` check tokens with.
    pub(super) fn put_policy(&mut self, retention: Option<u64>) -> Option<PutPolicy> {
        let secrets = self.secrets();
        let max_size = self.number("SATCHEL_MAX_SIZE", 1, S3_PUT_LIMIT).unwrap_or(S3_PUT_LIMIT);
        Some(PutPolicy { secrets: secrets?, max_size, retention })
    }

    pub(super) fn safe_types(&mut self) -> Option<SafeTypes> {
        let list = self.text("SATCHEL_SAFE_TYPES").unwrap_or_else(|| DEFAULT_SAFE_TYPES.to_owned());
        SafeTypes::parse(&list).map_err(|error| self.complain("SATCHEL_SAFE_TYPES", error.to_string())).ok()
    }

    pub(super) fn allowed_domains(&mut self) -> AllowedDomains {
        let list = self.text("SATCHEL_ALLOWED_DOMAINS").unwrap_or_default();
        AllowedDomains::parse(&list).unwrap_or_else(|stray| {
            self.complain("SATCHEL_ALLOWED_DOMAINS", format!("'{stray}' is no domain"));
            AllowedDomains::default()
        })
    }

    /// `user:password` pairs, where there are any.
    pub(super) fn callers(&mut self, name: &'static str) -> Option<Callers> {
        let lines = self.text(name)?;
        Callers::pairs(&lines).map_err(|error| self.complain(name, error.to_string())).ok()
    }

    pub(super) fn slot_put(&mut self, secrets: Option<&Secrets>) -> PutTarget {
        const NAME: &str = "SATCHEL_SLOT_PUT";
        let problem = match (self.text(NAME).as_deref(), secrets) {
            (None | Some("s3"), _) => return PutTarget::S3,
            (Some("front"), Some(secrets)) => return PutTarget::Front(secrets.current().clone()),
            (Some("front"), None) => "is 'front', which needs SATCHEL_UPLOAD_SECRETS to sign tokens".to_owned(),
            (Some(other), _) => format!("'{other}' is neither s3 nor front"),
        };
        self.complain(NAME, problem);
        PutTarget::S3
    }

    /// The public URL.
    pub(super) fn public_base(&mut self) -> Option<BaseUrl> {
        self.url("SATCHEL_PUBLIC_URL")
    }

    /// The public URL, with a slash at the end, ready for paths.
    pub(super) fn public_url(&mut self) -> Option<String> {
        self.public_base().map(|url| url.to_string())
    }

    /// The public URL's path, with a slash at the end.
    pub(super) fn public_path(&mut self) -> Option<String> {
        self.public_base().map(|url| url.path().to_owned())
    }
}

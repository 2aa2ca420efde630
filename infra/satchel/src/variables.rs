//! The variables: all there are, and which of them others may see.

use url::Url;

/// Every variable that a function or the stack reads.
pub const ALL: &[&str] = &[
    "SATCHEL_BUCKET",
    "SATCHEL_UPLOAD_SECRETS",
    "SATCHEL_PUBLIC_URL",
    "SATCHEL_MAX_SIZE",
    "SATCHEL_SAFE_TYPES",
    "SATCHEL_DOWNLOAD_URL_LIFE",
    "SATCHEL_DOWNLOADS",
    "SATCHEL_RETENTION_DAYS",
    "SATCHEL_PROFILE_RETENTION_DAYS",
    "SATCHEL_EPHEMERAL_RETENTION_DAYS",
    "SATCHEL_MAX_TOTAL_BYTES",
    "SATCHEL_PURPOSES",
    "SATCHEL_DAILY_QUOTA",
    "SATCHEL_METRONOME_DELETE_SECRET",
    "SATCHEL_COMPONENT_CREDENTIALS",
    "SATCHEL_SLOT_CREDENTIALS",
    "SATCHEL_SLOT_PUT",
    "SATCHEL_ALLOWED_DOMAINS",
    "SATCHEL_ROSTER_CREDENTIALS",
    "SATCHEL_ROSTER_DOMAIN",
    "SATCHEL_PROSODY_REFRESH_URL",
    "SATCHEL_STATUS_CREDENTIALS",
    "SATCHEL_S3_PATH_STYLE",
    "SATCHEL_S3_PUBLIC_URL",
    "SATCHEL_TRUSTED_PROXIES",
    "SATCHEL_MAX_CONNECTIONS",
    "SATCHEL_MAX_CONNECTIONS_PER_CLIENT",
    "SATCHEL_HEADER_TIMEOUT",
    "SATCHEL_MIN_FREE_BYTES",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_CA_BUNDLE",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
];

/// Those whose values may be seen by whoever sees the status page. All others are secrets, or were not thought about.
const SHOWN: &[&str] = &[
    "SATCHEL_BUCKET",
    "SATCHEL_PUBLIC_URL",
    "SATCHEL_MAX_SIZE",
    "SATCHEL_SAFE_TYPES",
    "SATCHEL_DOWNLOAD_URL_LIFE",
    "SATCHEL_DOWNLOADS",
    "SATCHEL_RETENTION_DAYS",
    "SATCHEL_PROFILE_RETENTION_DAYS",
    "SATCHEL_EPHEMERAL_RETENTION_DAYS",
    "SATCHEL_MAX_TOTAL_BYTES",
    "SATCHEL_PURPOSES",
    "SATCHEL_DAILY_QUOTA",
    "SATCHEL_SLOT_PUT",
    "SATCHEL_ALLOWED_DOMAINS",
    "SATCHEL_ROSTER_DOMAIN",
    "SATCHEL_S3_PATH_STYLE",
    "SATCHEL_S3_PUBLIC_URL",
    "SATCHEL_TRUSTED_PROXIES",
    "SATCHEL_MAX_CONNECTIONS",
    "SATCHEL_MAX_CONNECTIONS_PER_CLIENT",
    "SATCHEL_HEADER_TIMEOUT",
    "SATCHEL_MIN_FREE_BYTES",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "AWS_PROFILE",
    "AWS_CA_BUNDLE",
];

/// A variable, as it may be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The variable.
    pub name: &'static str,
    /// Its value, or what can be said of it.
    pub value: String,
}

/// All variables that `lookup` may have a value of, without secrets.
pub fn shown(lookup: impl Fn(&str) -> Option<String>) -> Vec<Setting> {
    let value = |name: &str| match lookup(name) {
        None => "not set".to_owned(),
        Some(value) if SHOWN.contains(&name) => without_userinfo(&value),
        Some(_) => "set, not shown".to_owned(),
    };
    ALL.iter().map(|name| Setting { name, value: value(name) }).collect()
}

/// URLs may carry a password, whether or not they are meant to.
fn without_userinfo(value: &str) -> String {
    match Url::parse(value) {
        Ok(mut url) if !url.username().is_empty() || url.password().is_some() => {
            // Fails for URLs that have none.
            let _ = (url.set_username(""), url.set_password(None));
            url.to_string()
        }
        _ => value.to_owned(),
    }
}

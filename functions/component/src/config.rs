//! What `component` is configured with.

use satchel_core::{
    basic::Callers,
    config::{Environment, FromEnvironment, S3Config},
    put,
    secret::Secrets,
};

use crate::slot::{AllowedDomains, SlotPolicy, front::PutTarget, offered_purposes};

/// What `component` is configured with.
#[derive(Debug, Clone)]
pub struct ComponentConfig {
    /// Where files go.
    pub s3: S3Config,
    /// `SATCHEL_MAX_SIZE`, `SATCHEL_DAILY_QUOTA`, `SATCHEL_ALLOWED_DOMAINS`, `SATCHEL_PURPOSES`, and the days of
    /// `SATCHEL_RETENTION_DAYS`, `SATCHEL_PROFILE_RETENTION_DAYS`, `SATCHEL_EPHEMERAL_RETENTION_DAYS`.
    pub policy: SlotPolicy,
    /// `SATCHEL_PUBLIC_URL`, with a slash at the end; the API's own address without it.
    pub public_url: Option<String>,
    /// `SATCHEL_COMPONENT_CREDENTIALS`: who may post stanzas; `/component` is off without it.
    pub callers: Option<Callers>,
    /// `SATCHEL_SLOT_CREDENTIALS`: who may ask for slots without a stanza; `/slot` is off without it.
    pub slot_callers: Option<Callers>,
    /// `SATCHEL_SLOT_PUT`: where the PUT of those slots goes.
    pub slot_put: PutTarget,
}

impl FromEnvironment for ComponentConfig {
    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        let s3 = S3Config::read_for_uploads(environment);
        let public_url = environment.public_url();
        let daily_quota = environment.number("SATCHEL_DAILY_QUOTA", 1, u64::MAX);
        // What no day has room for is too large, not to be tried again tomorrow.
        let max_size = put::max_size(environment).min(daily_quota.unwrap_or(u64::MAX));
        let retention = s3.retention;
        let purposes = offered_purposes(environment);
        let domains = AllowedDomains::read(environment);
        let callers = Callers::read(environment, "SATCHEL_COMPONENT_CREDENTIALS");
        let slot_callers = environment.text("SATCHEL_SLOT_CREDENTIALS");
        let slot_callers = slot_callers.and_then(|lines| Callers::pairs_or_segments(&lines).ok());
        let secrets = environment.text("SATCHEL_UPLOAD_SECRETS").as_deref().and_then(Secrets::parse);
        let slot_put = PutTarget::read(environment, secrets.as_ref());
        let known = callers.as_ref().or(slot_callers.as_ref()).map(Callers::secrets);
        if known.is_none() && environment.text("SATCHEL_COMPONENT_CREDENTIALS").is_none() {
            let problem = "missing; it holds user:password, one per line. SATCHEL_SLOT_CREDENTIALS alone would do, too";
            environment.complain("SATCHEL_COMPONENT_CREDENTIALS", problem);
        }
        // The keys that `upload` has, where there are any: one person has one owner id in all functions.
        secrets.or(known.cloned()).map(|owner_keys| {
            let policy = SlotPolicy { max_size, daily_quota, retention, purposes, domains, owner_keys };
            Self { s3, policy, public_url, callers, slot_callers, slot_put }
        })
    }
}

#[cfg(test)]
mod tests {
    use satchel_core::{config::ConfigError, purpose::Purpose, put::S3_PUT_LIMIT, secret::Secret};

    use super::*;

    fn names(error: &ConfigError) -> Vec<&'static str> {
        error.0.iter().map(|problem| problem.name).collect()
    }

    #[test]
    fn a_component_needs_credentials() {
        let basics: &[(&str, &str)] = &[("SATCHEL_BUCKET", "b")];
        let parse = |extra: &[(&str, &str)]| {
            let known = [basics, extra].concat();
            let value = |name: &str| known.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            ComponentConfig::parse(value)
        };
        assert_eq!(names(&parse(&[]).unwrap_err()), ["SATCHEL_COMPONENT_CREDENTIALS"]);
        let bad = [
            ("SATCHEL_PUBLIC_URL", "https://x.org/?a"),
            ("SATCHEL_PURPOSES", "profile avatar"),
            ("SATCHEL_ALLOWED_DOMAINS", "a@b"),
            ("SATCHEL_COMPONENT_CREDENTIALS", "user"),
            ("SATCHEL_SLOT_PUT", "nginx"),
        ];
        assert_eq!(names(&parse(&bad).unwrap_err()), bad.map(|(name, _)| name));
        let good = [("SATCHEL_PUBLIC_URL", "https://x.org/upload"), ("SATCHEL_COMPONENT_CREDENTIALS", "u:hunter2")];
        let config = parse(&good).unwrap();
        assert_eq!(config.public_url.as_deref(), Some("https://x.org/upload/"));
        assert_eq!(parse(&good[1..]).unwrap().public_url, None);
        assert_eq!(config.policy.owner_keys.current(), &Secret::from("u:hunter2"));
        assert_eq!((config.policy.daily_quota, config.policy.max_size), (None, S3_PUT_LIMIT));
        let config = parse(&[good[1], ("SATCHEL_DAILY_QUOTA", "1000")]).unwrap();
        assert_eq!((config.policy.daily_quota, config.policy.max_size), (Some(1_000), 1_000));
        assert!(config.slot_callers.is_none() && !format!("{config:?}").contains("hunter2"));
        assert_eq!(config.policy.purposes, [Purpose::Profile, Purpose::Ephemeral, Purpose::Permanent]);
        for (list, purposes) in [("none", vec![]), ("message, permanent", vec![Purpose::Permanent])] {
            let config = parse(&[good[0], good[1], ("SATCHEL_PURPOSES", list)]).unwrap();
            assert_eq!(config.policy.purposes, purposes, "{list}");
        }
        let slots_alone = parse(&[("SATCHEL_SLOT_CREDENTIALS", "segment")]).unwrap();
        assert!(slots_alone.callers.is_none() && slots_alone.slot_callers.is_some());
        let with_secrets =
            [good[0], good[1], ("SATCHEL_UPLOAD_SECRETS", "new\nold"), ("SATCHEL_SLOT_CREDENTIALS", "x")];
        let config = parse(&with_secrets).unwrap();
        assert!(config.policy.owner_keys.current() == &Secret::from("new") && config.slot_callers.is_some());
        let front = ("SATCHEL_SLOT_PUT", "front");
        assert_eq!(names(&parse(&[good[1], front]).unwrap_err()), ["SATCHEL_SLOT_PUT"]);
        let config = parse(&[&with_secrets[..], &[front]].concat()).unwrap();
        assert!(matches!(config.slot_put, PutTarget::Front(secret) if secret == Secret::from("new")));
    }
}

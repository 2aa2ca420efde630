//! The environment of the functions as the stack sets it: what the user gave, and defaults for the rest.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    path::{self, Path, PathBuf},
};

use aws_credential_types::Credentials;
use satchel_aws::sdk::{self, SdkConfig, SdkError};
use satchel_core::config::{ConfigError, ConfigProblem};
use satchel_listener::Address;

use crate::{
    data_folder::DataFolderError,
    delivery::Downloads,
    keys,
    lifecycle::{Parameter, Template, TemplateError},
    limits::Limits,
    proxies::TrustedProxies,
    variables::{self, Setting},
};

const SECRET_FILE: &str = "upload-secret";
const S3_SECRET_FILE: &str = "s3-secret";
/// The folder of the embedded S3 server.
pub(crate) const STORE: &str = "s3";
const S3_ACCESS_KEY: &str = "satchel";
const BUCKET: &str = "satchel";
const REGION: &str = "us-east-1";

/// What must be there once the gateway is bound, and why.
const URL: (&str, &str) =
    ("SATCHEL_PUBLIC_URL", "clients cannot reach a Unix socket: name the URL of the reverse proxy before it");
const SLOT_PUT: &str = "SATCHEL_SLOT_PUT";
/// Said of slots that lead to S3, where there is none.
const NO_S3: &str = "'s3' needs an S3 that clients can reach: start with --s3-listen, or leave it at 'front'";

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The data folder cannot be used.
    #[error(transparent)]
    DataFolder(#[from] DataFolderError),
    /// The lifecycle rules of the template cannot be followed.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// The functions' environment.
#[derive(Clone)]
pub struct Settings {
    variables: HashMap<String, String>,
    session_token: Option<String>,
    embedded: bool,
    presigns: bool,
    made_secret: bool,
    own_public_url: bool,
    exposed: bool,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("embedded", &self.embedded).finish_non_exhaustive()
    }
}

impl Settings {
    /// Takes what `environment` has; makes and keeps secrets in `data` for what is missing.
    ///
    /// # Errors
    /// The data folder cannot be written; the template's lifecycle rules cannot be read.
    pub fn load(data: &Path, environment: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let given = |name: &&str| Some(((*name).to_owned(), environment(name).filter(|value| !value.is_empty())?));
        let variables: HashMap<String, String> = variables::ALL.iter().filter_map(given).collect();
        let embedded = !["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"].iter().any(|name| variables.contains_key(*name));
        let session_token = environment("AWS_SESSION_TOKEN");
        let mut settings = Self {
            variables,
            session_token,
            embedded,
            presigns: !embedded,
            made_secret: false,
            own_public_url: false,
            exposed: false,
        };
        settings.complete(data).map_err(|cause| DataFolderError { folder: data.to_owned(), cause })?;
        if embedded {
            // The functions must know what the bucket's rules do.
            for Parameter { variable, default } in Template::own()?.parameters()? {
                settings.variables.entry(variable).or_insert(default);
            }
        }
        Ok(settings)
    }

    fn complete(&mut self, data: &Path) -> io::Result<()> {
        keys::create_folder(data)?;
        self.exposed = keys::shield(data, &[SECRET_FILE, S3_SECRET_FILE, STORE])?;
        if !self.variables.contains_key("SATCHEL_UPLOAD_SECRETS") {
            self.made_secret = true;
            self.set("SATCHEL_UPLOAD_SECRETS", keys::kept(data, SECRET_FILE)?);
        }
        // The gateway is a front, and every ejabberd can name it.
        self.variables.entry(SLOT_PUT.into()).or_insert_with(|| "front".into());
        if self.embedded {
            self.set("SATCHEL_BUCKET", BUCKET.into());
            self.set("AWS_REGION", REGION.into());
            self.set("SATCHEL_S3_PATH_STYLE", "true".into());
            self.set("AWS_ACCESS_KEY_ID", S3_ACCESS_KEY.into());
            self.set("AWS_SECRET_ACCESS_KEY", keys::kept(data, S3_SECRET_FILE)?);
            self.session_token = None;
        }
        Ok(())
    }

    /// Fills in what is known once all servers are bound: the gateway, and the folder's S3 where it listens. A Unix socket
    /// has no URL.
    pub(crate) fn listening_on(mut self, gateway: &Address, s3: Option<SocketAddr>) -> Self {
        if let Address::Tcp(gateway) = gateway {
            self.own_public_url = !self.variables.contains_key("SATCHEL_PUBLIC_URL");
            self.variables.entry("SATCHEL_PUBLIC_URL".into()).or_insert_with(|| format!("http://{gateway}/upload/"));
        }
        if let Some(s3) = s3.filter(|_| self.embedded) {
            self.presigns = true;
            self.set("AWS_ENDPOINT_URL_S3", format!("http://{s3}"));
        }
        self
    }

    fn set(&mut self, name: &str, value: String) {
        self.variables.insert(name.to_owned(), value);
    }

    /// The value of a variable, where it has one.
    #[must_use]
    pub fn given(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    /// The value of a variable, empty where there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.variables.get(name).map_or("", String::as_str)
    }

    /// All variables, without secrets.
    #[must_use]
    pub fn shown(&self) -> Vec<Setting> {
        variables::shown(|name| self.given(name))
    }

    /// Whether files are kept in the data folder rather than in another S3.
    #[must_use]
    pub fn embedded(&self) -> bool {
        self.embedded
    }

    /// Whether there is an S3 that clients can reach, so that a URL can be signed for it.
    #[must_use]
    pub fn presigns(&self) -> bool {
        self.presigns
    }

    /// Whether the public URL is the address that is listened on, as none was named.
    #[must_use]
    pub fn has_own_public_url(&self) -> bool {
        self.own_public_url
    }

    /// The upload secret, where it is one that the stack has made.
    #[must_use]
    pub fn made_secret(&self) -> Option<&str> {
        self.made_secret.then(|| self.get("SATCHEL_UPLOAD_SECRETS"))
    }

    /// Whether others may look into the data folder, though not at what is in it.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        self.exposed
    }

    /// The file in the data folder that such a secret is kept in, as an absolute path.
    #[must_use]
    pub fn secret_file(&self, data: &Path) -> Option<PathBuf> {
        let file = data.join(SECRET_FILE);
        self.made_secret.then(|| path::absolute(&file).unwrap_or(file))
    }

    /// The endpoint of another S3, or of the folder's where it listens.
    #[must_use]
    pub fn s3_endpoint(&self) -> Option<String> {
        self.given("AWS_ENDPOINT_URL_S3").or_else(|| self.given("AWS_ENDPOINT_URL"))
    }

    /// AWS's settings: of the folder's own S3, or what this machine has for another one.
    ///
    /// # Errors
    /// See [`SdkError`].
    pub async fn sdk(&self) -> Result<SdkConfig, SdkError> {
        if self.embedded {
            let endpoint = self.s3_endpoint();
            return Ok(sdk::of_known(self.get("AWS_REGION"), self.credentials(), endpoint.as_deref()));
        }
        sdk::of_machine(|name| match name {
            "AWS_SESSION_TOKEN" => self.session_token.clone(),
            name => self.given(name),
        })
        .await
    }

    /// What is signed with, where it was given or made.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        let (access_key, secret_key) = (self.get("AWS_ACCESS_KEY_ID"), self.get("AWS_SECRET_ACCESS_KEY"));
        Credentials::new(access_key, secret_key, self.session_token.clone(), None, "satchel")
    }

    /// The reverse proxies whose word counts.
    pub(crate) fn trusted_proxies(&self) -> Result<TrustedProxies, ConfigError> {
        TrustedProxies::parse(self.get("SATCHEL_TRUSTED_PROXIES"))
    }

    /// How many connections there may be.
    pub(crate) fn limits(&self) -> Result<Limits, ConfigError> {
        Limits::parse(|name| self.given(name))
    }

    /// How another S3's files are handed out.
    pub(crate) fn downloads(&self) -> Result<Downloads, ConfigError> {
        Downloads::parse(self.variables.get("SATCHEL_DOWNLOADS").map(String::as_str), self.embedded)
    }

    /// API Gateway has a URL of its own, too; here a Unix socket needs one given.
    pub(crate) fn is_complete(&self) -> Result<(), ConfigError> {
        let mut problems = self.missing(&[URL]);
        if !self.presigns && self.get(SLOT_PUT).trim() == "s3" {
            problems.push(ConfigProblem { name: SLOT_PUT, problem: NO_S3.to_owned() });
        }
        let refused = [self.trusted_proxies().err(), self.limits().err(), self.downloads().err()];
        problems.extend(refused.into_iter().flatten().flat_map(|error| error.0));
        all_there(problems)
    }

    fn missing(&self, needed: &[(&'static str, &str)]) -> Vec<ConfigProblem> {
        let missing = needed.iter().filter(|(name, _)| self.get(name).is_empty());
        missing.map(|(name, why)| ConfigProblem { name, problem: format!("missing; {why}") }).collect()
    }
}

fn all_there(problems: Vec<ConfigProblem>) -> Result<(), ConfigError> {
    if problems.is_empty() { Ok(()) } else { Err(ConfigError(problems)) }
}

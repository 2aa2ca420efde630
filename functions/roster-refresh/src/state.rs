//! What `roster-refresh` keeps while it is warm.

use aws_credential_types::Credentials;
use satchel_aws::{
    bootstrap::StartError, clock::Clock, lean_s3::LeanS3, presign::environment_credentials, rosters::Rosters,
};
use satchel_core::config::{ConfigError, RosterRefreshConfig};
use satchel_https::HttpsClient;
use satchel_store::{Documents, editor::Editor};

/// Everything a request needs, built once per cold start.
#[derive(Debug, Clone)]
pub struct State<D = LeanS3> {
    /// The configuration.
    pub config: RosterRefreshConfig,
    /// The way to Prosody.
    pub https: HttpsClient,
    /// Rosters, for replacing contacts alone.
    pub rosters: Option<Rosters<D>>,
    /// The time.
    pub clock: Clock,
}

impl State {
    /// Adds the environment's credentials to what reading the configuration gave.
    ///
    /// # Errors
    /// Bad or missing variables; missing credentials, where there is a bucket.
    pub async fn load(config: Result<RosterRefreshConfig, ConfigError>) -> Result<Self, StartError> {
        let config = config?;
        let credentials = match config.s3 {
            Some(_) => Some(environment_credentials().await?),
            None => None,
        };
        Ok(Self::new(config, credentials, Clock::System))
    }

    /// Puts a state together from parts that come from elsewhere.
    #[must_use]
    pub fn new(config: RosterRefreshConfig, credentials: Option<Credentials>, clock: Clock) -> Self {
        let s3 = config.s3.as_ref().zip(credentials).map(|(s3, credentials)| LeanS3::new(s3, credentials));
        Self::on(s3, config, clock)
    }
}

impl<D: Documents> State<D> {
    /// Puts a state together on documents that are open already, if there are any.
    #[must_use]
    pub fn on(documents: Option<D>, config: RosterRefreshConfig, clock: Clock) -> Self {
        let https = HttpsClient::new(config.prosody.url().scheme() == "https");
        Self { config, https, rosters: documents.map(Editor::new).map(Rosters::new), clock }
    }

    /// The same with another configuration, such as other secrets.
    #[must_use]
    pub fn with_config(&self, config: RosterRefreshConfig) -> Self {
        Self { config, ..self.clone() }
    }
}

//! What `roster-fetch` keeps while it is warm.

use aws_credential_types::Credentials;
use satchel_aws::{
    bootstrap::StartError, clock::Clock, lean_s3::LeanS3, presign::environment_credentials, rosters::Rosters,
};
use satchel_core::config::{ConfigError, RosterFetchConfig};
use satchel_store::{Documents, editor::Editor};

/// Everything a request needs, built once per cold start.
#[derive(Debug, Clone)]
pub struct State<D = LeanS3> {
    /// The configuration.
    pub config: RosterFetchConfig,
    /// Groups.
    pub documents: Editor<D>,
    /// Rosters.
    pub rosters: Rosters<D>,
    /// The time.
    pub clock: Clock,
}

impl State {
    /// Adds the environment's credentials to what reading the configuration gave.
    ///
    /// # Errors
    /// Bad or missing variables; missing credentials.
    pub async fn load(config: Result<RosterFetchConfig, ConfigError>) -> Result<Self, StartError> {
        Ok(Self::new(config?, environment_credentials().await?, Clock::System))
    }

    /// Puts a state together from parts that come from elsewhere.
    #[must_use]
    pub fn new(config: RosterFetchConfig, credentials: Credentials, clock: Clock) -> Self {
        let s3 = LeanS3::new(&config.s3, credentials);
        Self::on(s3, config, clock)
    }
}

impl<D: Documents> State<D> {
    /// Puts a state together on documents that are open already.
    #[must_use]
    pub fn on(documents: D, config: RosterFetchConfig, clock: Clock) -> Self {
        let documents = Editor::new(documents);
        let rosters = Rosters::new(documents.clone());
        Self { config, documents, rosters, clock }
    }

    /// The same with another configuration, such as other secrets.
    #[must_use]
    pub fn with_config(&self, config: RosterFetchConfig) -> Self {
        Self { config, ..self.clone() }
    }
}

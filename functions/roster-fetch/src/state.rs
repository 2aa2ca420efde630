//! What `roster-fetch` keeps while it is warm.

use satchel_aws::{
    bootstrap::StartError,
    clock::Clock,
    sdk::{SdkConfig, SdkError},
    storage::Storage,
};
use satchel_core::config::ConfigError;
use satchel_rosters::stored::Rosters;
use satchel_store::{Documents, editor::Editor};

use crate::RosterFetchConfig;

/// Everything a request needs, built once per cold start.
#[derive(Debug, Clone)]
pub struct State<D = Storage> {
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
    /// Puts a state together from what reading the configuration and AWS's settings gave.
    ///
    /// # Errors
    /// Bad or missing variables; missing credentials.
    pub fn load(
        config: Result<RosterFetchConfig, ConfigError>,
        sdk: Result<SdkConfig, SdkError>,
    ) -> Result<Self, StartError> {
        Ok(Self::new(config?, &sdk?, Clock::System))
    }

    /// Puts a state together from parts that come from elsewhere.
    #[must_use]
    pub fn new(config: RosterFetchConfig, sdk: &SdkConfig, clock: Clock) -> Self {
        Self::on(Storage::new(&config.s3, sdk), config, clock)
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

//! What `roster-refresh` keeps while it is warm.

use satchel_aws::{
    bootstrap::StartError,
    clock::Clock,
    sdk::{SdkConfig, SdkError},
    storage::Storage,
};
use satchel_core::config::ConfigError;
use satchel_rosters::stored::Rosters;
use satchel_store::{Documents, editor::Editor};

use crate::{RosterRefreshConfig, prosody::Prosody};

/// Everything a request needs, built once per cold start.
#[derive(Debug, Clone)]
pub struct State<D = Storage> {
    /// The configuration.
    pub config: RosterRefreshConfig,
    /// The way to it.
    pub prosody: Prosody,
    /// Rosters, for replacing contacts alone.
    pub rosters: Option<Rosters<D>>,
    /// The time.
    pub clock: Clock,
}

impl State {
    /// Puts a state together from what reading the configuration and AWS's settings gave.
    ///
    /// # Errors
    /// Bad or missing variables; missing credentials, where there is a bucket.
    pub fn load(
        config: Result<RosterRefreshConfig, ConfigError>,
        sdk: Result<SdkConfig, SdkError>,
    ) -> Result<Self, StartError> {
        let config = config?;
        let s3 = match &config.s3 {
            Some(s3) => Some(Storage::new(s3, &sdk?)),
            None => None,
        };
        Ok(Self::on(s3, config, Clock::System))
    }
}

impl<D: Documents> State<D> {
    /// Puts a state together on documents that are open already, if there are any.
    #[must_use]
    pub fn on(documents: Option<D>, config: RosterRefreshConfig, clock: Clock) -> Self {
        Self { config, prosody: Prosody::default(), rosters: documents.map(Editor::new).map(Rosters::new), clock }
    }

    /// The same with another configuration, such as other secrets.
    #[must_use]
    pub fn with_config(&self, config: RosterRefreshConfig) -> Self {
        Self { config, ..self.clone() }
    }
}

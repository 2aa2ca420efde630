//! What `component` keeps while it is warm.

use satchel_aws::{
    presign::Presigner,
    sdk::{SdkConfig, SdkError},
    start::StartError,
    storage::Storage,
};
use satchel_core::{config::ConfigError, head::RawHead};
use satchel_store::{Documents, Inventory, editor::Editor};
use satchel_telemetry::clock::Clock;

use crate::{config::ComponentConfig, entry::Entry};

/// What is asked of a store: ledgers, and lists of files.
pub trait Shelf: Documents + Inventory {}

impl<S: Documents + Inventory> Shelf for S {}

/// Everything a request needs, built once per cold start.
#[derive(Debug, Clone)]
pub struct State<S = Storage> {
    /// The configuration.
    pub config: ComponentConfig,
    /// Signs the PUTs.
    pub presigner: Presigner,
    /// Where quotas and files are looked up; a slot without quotas is arithmetic.
    pub store: S,
    /// The same store's ledgers.
    pub ledgers: Editor<S>,
    /// The time.
    pub clock: Clock,
}

impl State {
    /// Puts a state together from what reading the configuration and AWS's settings gave.
    ///
    /// # Errors
    /// Bad or missing variables; missing credentials.
    pub fn load(
        config: Result<ComponentConfig, ConfigError>,
        sdk: Result<SdkConfig, SdkError>,
    ) -> Result<Self, StartError> {
        Ok(Self::new(config?, &sdk?, Clock::System))
    }

    /// Puts a state together from parts that come from elsewhere.
    #[must_use]
    pub fn new(config: ComponentConfig, sdk: &SdkConfig, clock: Clock) -> Self {
        let store = Storage::new(&config.s3, sdk);
        let presigner = Presigner::of(&store, &config.s3, sdk);
        Self { config, presigner, ledgers: Editor::new(store.clone()), store, clock }
    }
}

impl<S: Shelf> State<S> {
    /// Puts a state together on a store that is open already.
    #[must_use]
    pub fn on(store: S, config: ComponentConfig, sdk: &SdkConfig, clock: Clock) -> Self {
        let presigner = Presigner::new(&config.s3, sdk);
        Self { config, presigner, ledgers: Editor::new(store.clone()), store, clock }
    }

    /// The same with another configuration, such as other secrets.
    #[must_use]
    pub fn with_config(&self, config: ComponentConfig) -> Self {
        Self { config, ..self.clone() }
    }

    /// Where files are found: as configured, else beside the address that the request came to. API Gateway vouches for
    /// that one; a REST API cannot be told its own address, as it would have to exist before its functions.
    pub(crate) fn public_url(&self, raw: &RawHead) -> Option<String> {
        let configured = self.config.public_url.clone();
        let beside = || Some(format!("{}/upload/", Entry::base(raw.own_address.as_deref()?)?));
        configured.or_else(beside)
    }
}

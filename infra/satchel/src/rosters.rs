//! The two roster functions in the stack: switched on by their variables, found by their addresses.

use bytes::Bytes;
use http::{Method, header::AUTHORIZATION, request::Parts};
use satchel_core::{
    answer::Answer,
    config::{ConfigError, FromEnvironment},
    head::RawHead,
};
use satchel_roster_fetch::{RosterFetchConfig, address::Address};
use satchel_roster_refresh::RosterRefreshConfig;
use satchel_telemetry::clock::Clock;

use crate::{any_store::AnyStore, settings::Settings};

/// The configurations of those that are switched on.
#[derive(Debug, Clone)]
pub struct RosterConfigs {
    fetch: Option<RosterFetchConfig>,
    refresh: Option<RosterRefreshConfig>,
}

impl RosterConfigs {
    /// Reads what there is.
    ///
    /// # Errors
    /// Everything that is wrong for either of them.
    pub fn parse(settings: &Settings) -> Result<Self, ConfigError> {
        let lookup = |name: &str| settings.given(name);
        let fetch = lookup("SATCHEL_ROSTER_CREDENTIALS").map(|_| RosterFetchConfig::parse(lookup)).transpose();
        let refresh = lookup("SATCHEL_PROSODY_REFRESH_URL").map(|_| RosterRefreshConfig::parse(lookup)).transpose();
        match (fetch, refresh) {
            (Ok(fetch), Ok(refresh)) => Ok(Self { fetch, refresh }),
            (Err(one), Err(other)) => Err(one.and(other)),
            (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
        }
    }
}

/// The functions, warm, where they are switched on.
#[derive(Debug)]
pub struct Rosters {
    fetch: Option<satchel_roster_fetch::State<AnyStore>>,
    refresh: Option<satchel_roster_refresh::State<AnyStore>>,
}

/// One of them.
#[derive(Debug)]
pub enum RosterFunction<'a> {
    /// Rosters and groups.
    Fetch(&'a satchel_roster_fetch::State<AnyStore>),
    /// Prosody.
    Refresh(&'a satchel_roster_refresh::State<AnyStore>),
}

impl Rosters {
    /// Builds each function's state over `store`, as its cold start would.
    #[must_use]
    pub fn new(configs: RosterConfigs, clock: &Clock, store: &AnyStore) -> Self {
        let fetch = |config| satchel_roster_fetch::State::on(store.clone(), config, clock.clone());
        let refresh = |config| satchel_roster_refresh::State::on(Some(store.clone()), config, clock.clone());
        Self { fetch: configs.fetch.map(fetch), refresh: configs.refresh.map(refresh) }
    }

    /// The function that an address leads to, if one of these.
    #[must_use]
    pub fn at(&self, method: &Method, path: &str) -> Option<RosterFunction<'_>> {
        if *method == Method::POST && path.ends_with("/contacts/refresh") {
            return self.refresh.as_ref().map(RosterFunction::Refresh);
        }
        let fetch = self.fetch.as_ref()?;
        Address::of(path, fetch.config.public_path.as_deref(), None)?;
        Some(RosterFunction::Fetch(fetch))
    }

    /// The function that tells Prosody, where it is switched on.
    #[must_use]
    pub fn refresh(&self) -> Option<&satchel_roster_refresh::State<AnyStore>> {
        self.refresh.as_ref()
    }

    /// Whether a body is to be read whole before a function sees its head: of requests to these functions, from somebody
    /// who may send them.
    #[must_use]
    pub fn take_whole(&self, parts: &Parts) -> bool {
        let callers = match self.at(&parts.method, parts.uri.path()) {
            Some(RosterFunction::Fetch(fetch)) => &fetch.config.callers,
            Some(RosterFunction::Refresh(refresh)) => &refresh.config.callers,
            None => return false,
        };
        callers.admit_header(parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()))
    }
}

impl RosterFunction<'_> {
    /// Answers; also gives its name.
    pub async fn answer(&self, raw: RawHead, body: Bytes) -> (&'static str, Answer) {
        match self {
            Self::Fetch(state) => ("roster-fetch", satchel_roster_fetch::handle(state, raw, body).await),
            Self::Refresh(state) => ("roster-refresh", satchel_roster_refresh::handle(state, raw, body).await),
        }
    }
}

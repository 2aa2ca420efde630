//! A function's state, built anew when the secrets that it knows are changed where they are kept: rotation without a
//! deployment.

use std::{
    collections::HashMap,
    ffi::OsString,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use satchel_core::{
    config::{self, ConfigError},
    secret_reference::SecretReference,
};
use tokio::sync::Mutex;

use crate::{
    bootstrap::StartError,
    clock::Clock,
    log::EventFailure,
    sdk::{self, SdkConfig, SdkError},
    secret_store::{SecretError, SecretStore},
};

/// Seconds after which secrets that could not be read are tried again, if they are not due earlier.
const RETRY: u64 = 30;

/// Names and values of variables.
pub type Variables = HashMap<String, String>;

/// How a configuration is asked for its variables.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Why a warm function keeps the secrets it has.
#[derive(Debug, thiserror::Error)]
pub enum RenewalError {
    /// They cannot be read.
    #[error("the secrets in force stay so: {0}")]
    Secret(#[from] SecretError),
    /// What has been read is none.
    #[error("the secrets in force stay so: {0}")]
    Config(#[from] ConfigError),
}

impl EventFailure for RenewalError {}

/// The state of a warm function.
#[derive(Debug)]
pub struct Live<S> {
    state: RwLock<Arc<S>>,
    renewal: Option<Renewal<S>>,
}

struct Renewal<S> {
    store: SecretStore,
    /// The environment, with references where the secrets would be.
    variables: Variables,
    rebuild: Rebuild<S>,
    /// Seconds.
    every: u64,
    clock: Clock,
    /// What was read last, and when it is due again in seconds since the epoch. Locked while it is read.
    last: Mutex<(Variables, u64)>,
}

type Rebuild<S> = Box<dyn Fn(&S, Lookup<'_>) -> Result<S, ConfigError> + Send + Sync>;

impl<S> fmt::Debug for Renewal<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewal").field("every", &self.every).finish_non_exhaustive()
    }
}

impl<S> Live<S> {
    /// Reads the secrets that the environment refers to, and builds the state: `parse` makes a configuration of variables,
    /// `start` a state of a configuration and AWS's settings, `reconfigured` a state that goes on with another configuration.
    ///
    /// # Errors
    /// Secrets that cannot be read; whatever `parse` and `start` refuse.
    pub async fn load<C>(
        parse: impl Fn(Lookup<'_>) -> Result<C, ConfigError> + Send + Sync + 'static,
        start: impl FnOnce(Result<C, ConfigError>, Result<SdkConfig, SdkError>) -> Result<S, StartError>,
        reconfigured: impl Fn(&S, C) -> S + Send + Sync + 'static,
    ) -> Result<Self, StartError> {
        Self::load_from(variables(), sdk::of_lambda().await, Clock::System, parse, start, reconfigured).await
    }

    /// The same with another environment and time than the process's own.
    ///
    /// # Errors
    /// As above.
    pub async fn load_from<C>(
        variables: Variables,
        sdk: Result<SdkConfig, SdkError>,
        clock: Clock,
        parse: impl Fn(Lookup<'_>) -> Result<C, ConfigError> + Send + Sync + 'static,
        start: impl FnOnce(Result<C, ConfigError>, Result<SdkConfig, SdkError>) -> Result<S, StartError>,
        reconfigured: impl Fn(&S, C) -> S + Send + Sync + 'static,
    ) -> Result<Self, StartError> {
        let lookup = |name: &str| variables.get(name).cloned();
        if references(&variables).next().is_none() {
            return Ok(Self { state: RwLock::new(Arc::new(start(parse(&lookup), sdk)?)), renewal: None });
        }
        let every = config::secrets_refresh(lookup)?;
        let sdk = sdk?;
        let store = SecretStore::new(&sdk);
        let secrets = read(&store, &variables).await?;
        let state = start(parse(&resolved(&variables, &secrets)), Ok(sdk))?;
        let rebuild: Rebuild<S> = Box::new(move |state, lookup| Ok(reconfigured(state, parse(lookup)?)));
        let last = Mutex::new((secrets, clock.now().as_seconds() + every));
        let renewal = Some(Renewal { store, variables, rebuild, every, clock, last });
        Ok(Self { state: RwLock::new(Arc::new(state)), renewal })
    }

    /// The state for the next request.
    #[must_use]
    pub fn state(&self) -> Arc<S> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads secrets again that are due, which the next request waits for: it may be signed with the new one. What runs
    /// already goes on with the state it has.
    ///
    /// # Errors
    /// They cannot be read, or are none; the state is as it was.
    pub async fn renew(&self) -> Result<(), RenewalError> {
        let Some(renewal) = &self.renewal else { return Ok(()) };
        let mut last = renewal.last.lock().await;
        let now = renewal.clock.now().as_seconds();
        if now < last.1 {
            return Ok(());
        }
        last.1 = now + RETRY.min(renewal.every);
        let secrets = read(&renewal.store, &renewal.variables).await?;
        if secrets != last.0 {
            let state = (renewal.rebuild)(&self.state(), &resolved(&renewal.variables, &secrets))?;
            *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
        }
        *last = (secrets, now + renewal.every);
        Ok(())
    }
}

/// The process environment, as [`crate::bootstrap::environment`] reads it.
fn variables() -> Variables {
    let text = |value: OsString| value.to_string_lossy().into_owned();
    std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect()
}

/// The variables that refer to secrets kept elsewhere.
fn references(variables: &Variables) -> impl Iterator<Item = (&String, SecretReference)> {
    variables.iter().filter_map(|(name, value)| Some((name, SecretReference::in_variable(name, value)?)))
}

/// One after the other, over one connection: a handshake takes longer than all the answers.
async fn read(store: &SecretStore, variables: &Variables) -> Result<Variables, SecretError> {
    let mut secrets = Variables::new();
    for (name, reference) in references(variables) {
        secrets.insert(name.clone(), store.read(&reference).await?);
    }
    Ok(secrets)
}

fn resolved(variables: &Variables, secrets: &Variables) -> impl Fn(&str) -> Option<String> {
    move |name| secrets.get(name).or_else(|| variables.get(name)).cloned()
}

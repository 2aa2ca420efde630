//! What S3 and the schedule do at AWS: applies the bucket's lifecycle rules, then runs `expire`, every hour.

use std::{sync::Arc, time::Duration};

use satchel_core::outcome::EventFailure;
use satchel_expire::{
    Options,
    order::Order,
    report::{Summary, Tally},
};
use satchel_folder::{Expired, Store, StoreError};
use satchel_telemetry::arrival::Seen;

use crate::{
    control::said::{Said, gone},
    functions::Functions,
    journal::Journal,
    request_id::request_id,
};

/// Keeps the files in order.
#[derive(Debug)]
pub struct Housekeeper {
    functions: Arc<Functions>,
    /// Where the files are in the data folder; another S3 applies its rules itself.
    store: Option<Store>,
    journal: Arc<Journal>,
}

/// Why it could not.
#[derive(Debug, thiserror::Error)]
pub enum HousekeepingError {
    /// The rules could not be applied.
    #[error("the lifecycle rules could not be applied: {0}")]
    Lifecycle(#[from] StoreError),
    /// The run has no name.
    #[error("expire could not run: {0}")]
    Randomness(#[from] getrandom::Error),
}

impl EventFailure for HousekeepingError {}

impl Housekeeper {
    pub(crate) fn new(functions: Arc<Functions>, store: Option<Store>, journal: Arc<Journal>) -> Self {
        Self { functions, store, journal }
    }

    /// Applies the bucket's lifecycle rules, where that is the stack's business.
    ///
    /// # Errors
    /// The index cannot be read or written.
    pub async fn apply_lifecycle(&self) -> Result<Expired, StoreError> {
        match &self.store {
            Some(store) => store.apply_lifecycle(&self.functions.expire().config.s3.bucket).await,
            None => Ok(Expired::default()),
        }
    }

    /// Once, now. What comes of it is one line.
    ///
    /// # Errors
    /// See [`HousekeepingError`]. What S3 refuses `expire` is counted in the summary.
    pub async fn once(&self) -> Result<Summary, HousekeepingError> {
        self.noted(self.clear()).await
    }

    /// Once, by somebody's command, who is told how it goes. A dry run leaves the lifecycle rules alone.
    ///
    /// # Errors
    /// As [`Self::once`].
    pub(crate) async fn by_hand(
        &self,
        order: Order,
        say: &(impl Fn(Said) + Sync),
    ) -> Result<Summary, HousekeepingError> {
        self.noted(async {
            if !order.dry_run {
                let Expired { objects, bytes, .. } = self.apply_lifecycle().await?;
                say(Said::Lifecycle(Tally { objects, bytes }));
            }
            let mut watch = |summary: &Summary| say(Said::Progress(gone(summary)));
            let options = Options { count_all: true, is_over: &|| false, watch: &mut watch };
            Ok(Box::pin(satchel_expire::run(self.functions.expire(), order, options)).await?)
        })
        .await
    }

    async fn noted(
        &self,
        run: impl Future<Output = Result<Summary, HousekeepingError>>,
    ) -> Result<Summary, HousekeepingError> {
        let seen = self.journal.noting_cold_start(Seen::of_event("expire", request_id()));
        let done = run.await;
        self.journal.write(&match &done {
            Ok(summary) => seen.event_line(&satchel_expire::outcome(summary)),
            Err(error) => seen.event_line(&Err(error)),
        });
        done
    }

    async fn clear(&self) -> Result<Summary, HousekeepingError> {
        self.apply_lifecycle().await?;
        if let Some(store) = &self.store {
            store.tidy().await?;
        }
        let expire = self.functions.expire();
        let options = Options { count_all: false, is_over: &|| false, watch: &mut |_| {} };
        // Boxed, as the SDK's futures are large.
        Ok(Box::pin(satchel_expire::run(expire, Order::default(), options)).await?)
    }

    /// Now and every so often. What fails is tried again the next time.
    pub(crate) async fn run(self: Arc<Self>, every: Duration) {
        let mut moments = tokio::time::interval(every);
        loop {
            moments.tick().await;
            // The line says what went wrong.
            let _ = self.once().await;
        }
    }
}

//! The files in the data folder while the stack runs: what their events go to, the S3 server on them, and their closing.

use std::{net::SocketAddr, sync::Arc};

use satchel_core::outcome::REASON;
use satchel_folder::Store;
use satchel_listener::{Address, Terms};
use satchel_s3::{Credentials, Requests, Server, ServerOptions};
use satchel_telemetry::level::Level;
use tokio::task::JoinHandle;

use crate::{
    functions::Functions, journal::Journal, listen_error::ListenError, notices::notice, roster_events,
    running::Running, sealer, settings::Settings,
};

/// An S3 server that is bound, and does not serve yet.
pub(crate) struct BoundS3 {
    server: Server,
    pub address: SocketAddr,
}

impl BoundS3 {
    pub async fn bind(at: SocketAddr, store: Store, settings: &Settings, terms: Terms) -> Result<Self, ListenError> {
        let (access_key, secret_key) =
            (settings.get("AWS_ACCESS_KEY_ID").into(), settings.get("AWS_SECRET_ACCESS_KEY").into());
        let credentials = Credentials { access_key, secret_key };
        let choices = ServerOptions { region: settings.get("AWS_REGION").into(), open_cors: true, terms };
        let failed = |cause| ListenError { address: Address::Tcp(at), option: "--s3-listen", cause };
        let server = Server::bind(at, store, credentials, choices).await.map_err(failed)?;
        let address = server.local_addr().map_err(failed)?;
        Ok(Self { server, address })
    }

    fn serve(self) -> ServedS3 {
        let requests = self.server.requests();
        let server = Running::spawn(|told| self.server.serve(async { drop(told.await) }));
        ServedS3 { requests, server }
    }
}

/// A running S3 server.
#[derive(Debug)]
pub(crate) struct ServedS3 {
    pub requests: Requests,
    server: Running,
}

/// The open files.
#[derive(Debug)]
pub(crate) struct OwnFiles {
    pub store: Store,
    pub s3: Option<ServedS3>,
    /// What the store's events go to.
    receivers: [JoinHandle<()>; 2],
    journal: Arc<Journal>,
}

impl OwnFiles {
    /// Hands the store's events on, and serves S3 where it is bound.
    pub fn serve(store: Store, s3: Option<BoundS3>, functions: Arc<Functions>, journal: Arc<Journal>) -> Self {
        let receivers = [
            tokio::spawn(sealer::run(Arc::clone(&functions), store.subscribe(), Arc::clone(&journal))),
            tokio::spawn(roster_events::run(functions, store.subscribe(), Arc::clone(&journal))),
        ];
        Self { store, s3: s3.map(BoundS3::serve), receivers, journal }
    }

    /// Takes no more requests, lets the running ones finish, then closes the files.
    pub async fn stop(self) {
        // What is not sealed yet is sealed by its first download; Prosody fetches rosters at every login.
        self.receivers.iter().for_each(JoinHandle::abort);
        if let Some(s3) = self.s3 {
            s3.server.stop().await;
        }
        if let Err(error) = self.store.close().await {
            let reason = format!("the files were not closed in order, the next start will take longer: {error}");
            self.journal.write(&notice(Level::Warn, "files_not_closed", [(REASON, reason.into())]));
        }
    }
}

//! The S3 server in the data folder: opened, served with what its events go to, and closed.

use std::{net::SocketAddr, path::Path, sync::Arc};

use satchel_core::{level::Level, line::REASON};
use satchel_s3::{
    Credentials, Requests, Server, ServerOptions, Store, StoreOptions,
    listener::{Address, Terms},
};
use tokio::task::JoinHandle;

use crate::{
    functions::Functions,
    journal::Journal,
    keys,
    lifecycle::Template,
    notices::notice,
    rosters,
    running::Running,
    sealer,
    settings::{STORE, Settings},
    stack::{StackError, listen_error},
};

/// A running S3 server.
#[derive(Debug)]
pub(crate) struct EmbeddedS3 {
    pub address: SocketAddr,
    pub requests: Requests,
    server: Running,
    store: Store,
    /// What the store's events go to.
    receivers: [JoinHandle<()>; 2],
    journal: Arc<Journal>,
}

impl EmbeddedS3 {
    /// Serves what [`open_s3`] gives.
    pub fn serve(
        (server, store, address): (Server, Store, SocketAddr),
        functions: Arc<Functions>,
        journal: Arc<Journal>,
    ) -> Self {
        let requests = server.requests();
        let receivers = [
            tokio::spawn(sealer::run(Arc::clone(&functions), store.subscribe(), Arc::clone(&journal))),
            tokio::spawn(rosters::run(functions, store.subscribe(), Arc::clone(&journal))),
        ];
        let server = Running::spawn(|told| server.serve(async { drop(told.await) }));
        Self { address, requests, server, store, receivers, journal }
    }

    /// Takes no more requests, lets the running ones finish, then closes the files.
    pub async fn stop(self) {
        // What is not sealed yet is sealed by its first download; Prosody fetches rosters at every login.
        self.receivers.iter().for_each(JoinHandle::abort);
        self.server.stop().await;
        if let Err(error) = self.store.close().await {
            let reason = format!("the files were not closed in order, the next start will take longer: {error}");
            self.journal.write(&notice(Level::Warn, "files_not_closed", [(REASON, reason.into())]));
        }
    }
}

/// Opens the files, gives the bucket the template's lifecycle rules, and binds the S3 server.
pub(crate) async fn open_s3(
    data: &Path,
    s3_listen: SocketAddr,
    settings: &Settings,
    options: StoreOptions,
    terms: Terms,
) -> Result<(Server, Store, SocketAddr), StackError> {
    let rules = Template::own()?.rules(|name| settings.given(name))?;
    let folder = data.join(STORE);
    keys::create_folder(&folder).map_err(|cause| StackError::DataFolder { folder: folder.clone(), cause })?;
    let store = Store::open_with(&folder, options).await?;
    store.create_bucket(settings.get("SATCHEL_BUCKET")).await?;
    store.set_lifecycle(settings.get("SATCHEL_BUCKET"), &rules).await?;
    let (access_key, secret_key) =
        (settings.get("AWS_ACCESS_KEY_ID").into(), settings.get("AWS_SECRET_ACCESS_KEY").into());
    let credentials = Credentials { access_key, secret_key };
    let choices = ServerOptions { region: settings.get("AWS_REGION").into(), open_cors: true, terms };
    let failed = |cause| listen_error(Address::Tcp(s3_listen), "--s3-listen", cause);
    let server = Server::bind(s3_listen, store.clone(), credentials, choices).await.map_err(failed)?;
    let address = server.local_addr().map_err(failed)?;
    Ok((server, store, address))
}

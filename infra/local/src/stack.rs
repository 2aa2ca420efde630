//! The stack as a whole: two servers, the functions between them, and an orderly end.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use satchel_aws::{clock::Clock, lean_s3::LeanS3, storage::Storage};
use satchel_core::config::ConfigError;
use satchel_s3::{
    OpenError, Requests, StoreError,
    listener::{self, Address},
};
use tokio::task::JoinHandle;

use crate::{
    any_store::AnyStore,
    embedded_s3::{EmbeddedS3, open_s3},
    files::Files,
    functions::{Configs, Functions},
    gateway::{Doors, Gateway, Spool, front::Front},
    health::{Check, Checkup},
    housekeeping::Housekeeper,
    journal::{Journal, Sink},
    lifecycle::TemplateError,
    paste::pastes,
    running::Running,
    settings::Settings,
    snippet,
    status::{self, Facts, Status, shelves::Shelves},
    storage, terms,
};

/// No API Gateway waits here: a store that copies slowly may take its time.
const COPY_DEADLINE: Duration = Duration::from_secs(900);

/// What a stack is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// The gateway's address; port 0 takes a free one.
    pub listen: Address,
    /// The S3 server's address; port 0 takes a free one.
    pub s3_listen: SocketAddr,
    /// The folder that everything is kept in.
    pub data: PathBuf,
    /// Refuse what AWS would refuse.
    pub strict_aws: bool,
    /// The functions' environment.
    pub settings: Settings,
    /// The functions' time, and the S3 server's.
    pub clock: Clock,
    /// How often lifecycle rules are applied and `expire` runs, from the start on; `None`: never by itself.
    pub expire_every: Option<Duration>,
    /// Says how the store is; `None`: what the system says of the data folder.
    pub check: Option<Check>,
    /// How long S3 may take nothing of a large upload, and then for its answer.
    pub s3_patience: Duration,
    /// Takes the line of each request and event.
    pub log: Sink,
}

/// Why a stack does not start.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// Variables are malformed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data folder cannot be used.
    #[error("the data folder {} cannot be used: {cause}; name another with --data", folder.display())]
    DataFolder {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// An address is taken or not this machine's.
    #[error("cannot listen on {address}: {cause}; choose another address with {option}")]
    Listen {
        /// The address.
        address: Address,
        /// The option that names it.
        option: &'static str,
        /// What the system says.
        cause: io::Error,
    },
    /// The store in the data folder cannot be opened.
    #[error("the files in the data folder cannot be opened: {0}")]
    Open(#[from] OpenError),
    /// The bucket cannot be made, or read.
    #[error("the bucket cannot be set up: {0}")]
    Bucket(#[from] StoreError),
    /// The lifecycle rules of the template cannot be followed.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A stack has the files open, and is not where it was looked for.
    #[error("a stack has {} open, but its S3 does not answer on {s3_listen}; name its address with --s3-listen", data.display())]
    InUseElsewhere {
        /// The data folder.
        data: PathBuf,
        /// Where it was looked for.
        s3_listen: SocketAddr,
    },
    /// No randomness.
    #[error("the system gives no random bytes: {0}")]
    Randomness(#[from] getrandom::Error),
    /// No signals.
    #[error("signals cannot be received: {0}")]
    Signals(io::Error),
    /// No TLS for an https:// store.
    #[error("TLS cannot be set up for the S3 endpoint: {0}")]
    Tls(io::Error),
}

/// A running stack.
#[derive(Debug)]
pub struct Stack {
    address: Address,
    public_url: String,
    data: PathBuf,
    status: Arc<Status>,
    checkup: Arc<Checkup>,
    gateway: Running,
    housekeeper: Arc<Housekeeper>,
    schedule: Option<JoinHandle<()>>,
    s3: Option<EmbeddedS3>,
}

impl Stack {
    /// Binds both addresses, opens the files and serves.
    ///
    /// # Errors
    /// See [`StackError`]; nothing is left running then.
    pub async fn start(options: Options) -> Result<Self, StackError> {
        // Before anything is opened, so that all that is wrong is said at once.
        Configs::parse(&options.settings.clone().listening_on(&options.listen, options.s3_listen))?;
        let failed = |cause| listen_error(options.listen.clone(), "--listen", cause);
        let listener = options.listen.bind().await.map_err(failed)?;
        let address = listener.address().map_err(failed)?;
        let embedded = options.settings.embedded();
        let (proxies, limits) = (options.settings.trusted_proxies()?, options.settings.limits()?);
        let journal = Arc::new(Journal::new(options.log));
        let noting = Arc::clone(&journal);
        let notices = Sink::new(move |line| noting.write(line));
        let bound = if embedded {
            let store = storage::options(&options.settings, &options.clock, notices.clone())?;
            let terms = terms::of_s3(&limits, proxies.clone(), &options.clock);
            Some(open_s3(&options.data, options.s3_listen, &options.settings, store, terms).await?)
        } else {
            None
        };
        let s3_address = bound.as_ref().map_or(options.s3_listen, |(_, _, s3_address)| *s3_address);
        let settings = options.settings.listening_on(&address, s3_address);
        let configs = Configs::parse(&settings)?;
        let objects = Storage::new(configs.s3(), settings.credentials()).with_copy_deadline(COPY_DEADLINE);
        let objects = objects.with_clock(options.clock.clone()).with_notices(notices.clone());
        let store = bound.as_ref().map(|(_, store, _)| store.clone());
        let shelves = match &store {
            Some(store) => Some(Shelves::open(store.clone(), &configs.s3().bucket, configs.s3().retention).await?),
            None => None,
        };
        let facts = facts(&settings, &address, store.as_ref().map(|_| s3_address), &options.data);
        let (callers, public_path) = (configs.status().cloned(), configs.public_path().map(str::to_owned));
        let unusable = |cause| StackError::DataFolder { folder: options.data.clone(), cause };
        let check = match (options.check, &store) {
            (Some(check), _) => check,
            (None, Some(store)) => storage::check(store),
            (None, None) => Check::of_folder(&options.data).map_err(unusable)?,
        };
        let checkup = Arc::new(Checkup::new(check));
        let status = Status::new(Arc::clone(&journal), shelves, callers, public_path, facts, Arc::clone(&checkup));
        let status = Arc::new(status);
        let files = store.clone().map(|store| Files::new(store, configs.s3(), options.clock.clone()));
        let kept = files.clone().map_or_else(
            || {
                let documents = LeanS3::new(configs.s3(), settings.credentials());
                AnyStore::S3(Box::new(objects.clone()), Box::new(documents))
            },
            AnyStore::Folder,
        );
        let files = files.filter(|_| !options.strict_aws);
        let front = Front::new(configs.s3(), objects, options.s3_patience).map_err(StackError::Tls)?;
        let functions = Functions::new(configs, &settings, &options.clock, &kept);
        let functions = Arc::new(functions.with_chunks_of_any_size(!options.strict_aws));
        let doors = Doors {
            proxies: proxies.clone(),
            of_one_client: limits.of_one_client(),
            spool: Spool::new(options.data.clone(), limits.min_free_bytes()),
            stores_here: embedded,
            files,
        };
        let gateway = Gateway::new(Arc::clone(&functions), front, doors, options.strict_aws, Arc::clone(&status));
        let gateway = Arc::new(gateway);
        let housekeeper = Arc::new(Housekeeper::new(Arc::clone(&functions), store, Arc::clone(&journal)));
        let schedule = options.expire_every.map(|every| tokio::spawn(Arc::clone(&housekeeper).run(every)));
        let s3 = bound.map(|bound| EmbeddedS3::serve(bound, functions, Arc::clone(&journal)));
        let terms = terms::of_gateway(&limits, proxies, &options.clock, journal);
        let gateway = Running::spawn(|told| {
            let answer = move |request, peer| Arc::clone(&gateway).answer(request, peer);
            listener::serve(listener, answer, terms, async { drop(told.await) })
        });
        let public_url = settings.get("SATCHEL_PUBLIC_URL").to_owned();
        Ok(Self { address, public_url, data: options.data, status, checkup, gateway, housekeeper, schedule, s3 })
    }

    /// The gateway's address.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The base of the URLs that XMPP servers give out, such as `http://127.0.0.1:8080/upload/`.
    #[must_use]
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// The status page, where no upload can be at its address. A Unix socket has none by itself.
    #[must_use]
    pub fn status_page(&self) -> Option<String> {
        match &self.address {
            Address::Tcp(address) if self.status.serves(status::PAGE) => {
                Some(format!("http://{address}{}", status::PAGE))
            }
            _ => None,
        }
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The embedded S3 server's address.
    #[must_use]
    pub fn s3_address(&self) -> Option<SocketAddr> {
        self.s3.as_ref().map(|s3| s3.address)
    }

    /// Returns once what was stored before the start has been counted.
    pub async fn counted(&self) {
        self.status.counted().await;
    }

    /// Whether files can be stored.
    #[must_use]
    pub fn checkup(&self) -> &Checkup {
        &self.checkup
    }

    /// Counters of the embedded S3 server's requests.
    #[must_use]
    pub fn s3_requests(&self) -> Option<&Requests> {
        self.s3.as_ref().map(|s3| &s3.requests)
    }

    /// What the schedule runs.
    #[must_use]
    pub fn housekeeper(&self) -> &Housekeeper {
        &self.housekeeper
    }

    /// Takes no more requests, lets the running ones finish, then closes the files.
    pub async fn stop(self) {
        // The next run goes on wherever this one is.
        if let Some(schedule) = self.schedule {
            schedule.abort();
            let _ = schedule.await;
        }
        self.gateway.stop().await;
        drop(self.housekeeper);
        if let Some(s3) = self.s3 {
            s3.stop().await;
        }
    }
}

fn facts(settings: &Settings, address: &Address, s3: Option<SocketAddr>, data: &Path) -> Facts {
    Facts {
        address: snippet::address(address),
        store: snippet::store(s3, data, settings),
        settings: settings.shown(),
        pastes: pastes(settings.get("SATCHEL_PUBLIC_URL"), settings, snippet::HIDDEN, snippet::secret_note(settings)),
    }
}

pub(crate) fn listen_error(address: Address, option: &'static str, cause: io::Error) -> StackError {
    StackError::Listen { address, option, cause }
}

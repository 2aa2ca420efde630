//! The stack as a whole: its servers, the functions behind them, and an orderly end.

mod error;
mod options;
mod stores;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use satchel_folder::Store;
use satchel_listener::Address;
use satchel_s3::Requests;
use tokio::task::JoinHandle;

use crate::{
    another_s3::Caveat,
    any_store::AnyStore,
    control::Control,
    delivery::Delivery,
    files::Files,
    functions::{Configs, Functions},
    gateway::{Doors, Gateway, Spool},
    health::Checkup,
    housekeeping::Housekeeper,
    journal::{Journal, Sink},
    limits::Limits,
    listen_error::ListenError,
    own_files::OwnFiles,
    paste::pastes,
    proxies::TrustedProxies,
    running::Running,
    settings::Settings,
    shown,
    status::{self, Facts, Status},
    terms,
};

pub use error::StackError;
pub use options::Options;

/// Where S3 listens that nobody has named an address for: for this machine alone, on a free port.
const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

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
    /// Still waits for another S3's first answer.
    probing: Option<JoinHandle<()>>,
    control: Option<Control>,
    files: Option<OwnFiles>,
    s3_address: Option<SocketAddr>,
}

impl Stack {
    /// Binds its addresses, opens the files and serves.
    ///
    /// # Errors
    /// See [`StackError`]; nothing is left running then.
    pub async fn start(options: Options) -> Result<Self, StackError> {
        // Before anything is opened, so that all that is wrong is said at once.
        let s3_listen = options.s3_listen.or_else(|| options.strict_aws.then_some(ANYWHERE));
        Configs::parse(&options.settings.clone().listening_on(&options.listen, s3_listen))?;
        let failed = |cause| ListenError { address: options.listen.clone(), option: "--listen", cause };
        let listener = options.listen.bind().await.map_err(failed)?;
        let address = listener.address().map_err(failed)?;
        let (proxies, limits) = (options.settings.trusted_proxies()?, options.settings.limits()?);
        let journal = Arc::new(Journal::new(options.log.clone()));
        let noting = Arc::clone(&journal);
        let notices = Sink::new(move |line| noting.write(line));
        let store = stores::own(&options, &notices).await?;
        let s3_terms = terms::of_s3(&limits, proxies.clone(), &options.clock);
        let s3 = stores::s3_server(&options, store.as_ref(), s3_listen, s3_terms).await?;
        let s3_address = s3.as_ref().map(|s3| s3.address);
        let settings = options.settings.clone().listening_on(&address, s3_address);
        let configs = Configs::parse(&settings)?;
        let sdk = settings.sdk().await?;
        let caveat = Caveat::default();
        let facts = facts(&settings, &address, s3_address, &options.data, &caveat);
        let checkup = Arc::new(Checkup::new(stores::check(&options, store.as_ref())?));
        let shelves = stores::shelves(store.as_ref(), configs.s3()).await?;
        let (callers, public_path) = (configs.status().cloned(), configs.public_path().map(str::to_owned));
        let status = Status::new(Arc::clone(&journal), shelves, callers, public_path, facts, Arc::clone(&checkup));
        let status = Arc::new(status);
        let (kept, probing) = match store.clone() {
            Some(store) => (AnyStore::Folder(Files::new(store, configs.s3(), options.clock.clone())), None),
            None => stores::another(&options, configs.s3(), &sdk, &settings, notices, caveat).await,
        };
        let functions = Functions::new(configs, &settings, &sdk, &options.clock, &kept);
        let functions = Arc::new(functions.with_chunks_of_any_size(!options.strict_aws));
        let delivery = Delivery::of(&kept, options.strict_aws, settings.downloads()?);
        let doors = doors(&options, proxies.clone(), &limits, delivery);
        let gateway = Arc::new(Gateway::new(Arc::clone(&functions), doors, options.strict_aws, Arc::clone(&status)));
        let housekeeper = Arc::new(Housekeeper::new(Arc::clone(&functions), store.clone(), Arc::clone(&journal)));
        let schedule = options.expire_every.map(|every| tokio::spawn(Arc::clone(&housekeeper).run(every)));
        let control = match &store {
            Some(_) => Control::start(&options.data, &housekeeper, &journal).await,
            None => None,
        };
        let files = store.map(|store| OwnFiles::serve(store, s3, functions, Arc::clone(&journal)));
        let terms = terms::of_gateway(&limits, proxies, &options.clock, journal);
        let gateway = Running::spawn(|told| {
            let answer = move |request, peer| Arc::clone(&gateway).answer(request, peer);
            satchel_listener::serve(listener, answer, terms, async { drop(told.await) })
        });
        Ok(Self {
            address,
            public_url: settings.get("SATCHEL_PUBLIC_URL").to_owned(),
            data: options.data,
            status,
            checkup,
            gateway,
            housekeeper,
            schedule,
            probing,
            control,
            files,
            s3_address,
        })
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

    /// The address of the S3 server on the folder, where one is asked for or redirects lead to it.
    #[must_use]
    pub fn s3_address(&self) -> Option<SocketAddr> {
        self.s3_address
    }

    /// The files in the data folder, unless they are in another S3.
    #[must_use]
    pub fn store(&self) -> Option<&Store> {
        self.files.as_ref().map(|files| &files.store)
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

    /// Counters of the requests to the S3 server on the folder.
    #[must_use]
    pub fn s3_requests(&self) -> Option<&Requests> {
        self.files.as_ref()?.s3.as_ref().map(|s3| &s3.requests)
    }

    /// What the schedule runs.
    #[must_use]
    pub fn housekeeper(&self) -> &Housekeeper {
        &self.housekeeper
    }

    /// Takes no more requests, lets the running ones finish, then closes the files.
    pub async fn stop(self) {
        // The next run goes on wherever this one is.
        for task in [self.schedule, self.probing].into_iter().flatten() {
            task.abort();
            let _ = task.await;
        }
        // Nor is a command waited for: whoever gave it hears that it has ended.
        if let Some(control) = self.control {
            control.stop().await;
        }
        self.gateway.stop().await;
        drop(self.housekeeper);
        if let Some(files) = self.files {
            files.stop().await;
        }
    }
}

fn doors(options: &Options, proxies: TrustedProxies, limits: &Limits, delivery: Delivery) -> Doors {
    let spool = Spool::new(options.data.clone(), limits.min_free_bytes());
    Doors { proxies, of_one_client: limits.of_one_client(), spool, delivery }
}

fn facts(settings: &Settings, address: &Address, s3: Option<SocketAddr>, data: &Path, caveat: &Caveat) -> Facts {
    Facts {
        address: shown::address(address),
        store: shown::store(s3, data, settings),
        caveat: Arc::clone(caveat),
        settings: settings.shown(),
        pastes: pastes(settings.get("SATCHEL_PUBLIC_URL"), settings, shown::HIDDEN, shown::secret_note(settings)),
    }
}

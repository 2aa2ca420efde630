//! The functions behind the gateway: configured together, and found by method and path as the API's routes do it.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Method, request::Parts};
use satchel_aws::{presign::Presigner, sdk::SdkConfig, state::State};
use satchel_component::ComponentConfig;
use satchel_core::{
    answer::Answer,
    basic::Callers,
    config::{ConfigError, ConfigProblem, FromEnvironment, S3Config},
    head::RawHead,
    moment::Moment,
    route::{Resource, Route},
    time::Timestamp,
};
use satchel_download::DownloadConfig;
use satchel_expire::ExpireConfig;
use satchel_resume::{ResumeConfig, limits::Limits};
use satchel_seal::SealConfig;
use satchel_telemetry::clock::Clock;
use satchel_upload::UploadConfig;

use crate::{
    any_store::AnyStore,
    rosters::{RosterConfigs, Rosters},
    settings::Settings,
};

/// The functions' configurations, each parsed by the function's own rules.
#[derive(Debug, Clone)]
pub struct Configs {
    upload: UploadConfig,
    resume: ResumeConfig,
    download: DownloadConfig,
    seal: SealConfig,
    expire: ExpireConfig,
    component: Option<ComponentConfig>,
    rosters: RosterConfigs,
    status: Option<Callers>,
}

impl Configs {
    /// Reads the configurations of all functions that are switched on.
    ///
    /// # Errors
    /// Everything that is wrong for any of them.
    pub fn parse(settings: &Settings) -> Result<Self, ConfigError> {
        let lookup = |name: &str| settings.given(name);
        let mut problems = Problems(settings.is_complete().err());
        let upload = problems.note(UploadConfig::parse(lookup));
        // What nobody has named may not be how clients come here: they know it.
        let named = |config: ResumeConfig| ResumeConfig {
            public_url: config.public_url.filter(|_| !settings.has_own_public_url()),
            ..config
        };
        let resume = problems.note(ResumeConfig::parse(lookup)).map(named);
        let download = problems.note(DownloadConfig::parse(lookup));
        let seal = problems.note(SealConfig::parse(lookup));
        let expire = problems.note(ExpireConfig::parse(lookup));
        // Without credentials to ask for, nobody may ask.
        let callers = ["SATCHEL_COMPONENT_CREDENTIALS", "SATCHEL_SLOT_CREDENTIALS"].map(|name| settings.given(name));
        let component = callers.iter().flatten().next().map(|_| ComponentConfig::parse(lookup));
        let component = component.and_then(|parsed| problems.note(parsed));
        let rosters = problems.note(RosterConfigs::parse(settings));
        let status = settings.given(STATUS).and_then(|lines| problems.note(status_callers(&lines)));
        match (upload, resume, download, seal, expire, rosters, problems.0) {
            (Some(upload), Some(resume), Some(download), Some(seal), Some(expire), Some(rosters), None) => {
                Ok(Self { upload, resume, download, seal, expire, component, rosters, status })
            }
            (.., problems) => Err(problems.unwrap_or_default()),
        }
    }

    /// Where files go.
    #[must_use]
    pub fn s3(&self) -> &S3Config {
        &self.upload.s3
    }

    /// The path of `SATCHEL_PUBLIC_URL`.
    #[must_use]
    pub fn public_path(&self) -> Option<&str> {
        self.upload.public_path.as_deref()
    }

    /// Who may see the status page from elsewhere.
    #[must_use]
    pub fn status(&self) -> Option<&Callers> {
        self.status.as_ref()
    }
}

const STATUS: &str = "SATCHEL_STATUS_CREDENTIALS";

fn status_callers(lines: &str) -> Result<Callers, ConfigError> {
    Callers::pairs(lines).map_err(|error| ConfigError(vec![ConfigProblem { name: STATUS, problem: error.to_string() }]))
}

/// What was wrong so far.
struct Problems(Option<ConfigError>);

impl Problems {
    fn note<T>(&mut self, parsed: Result<T, ConfigError>) -> Option<T> {
        parsed
            .map_err(|error| {
                self.0 = Some(match self.0.take() {
                    Some(known) => known.and(error),
                    None => error,
                });
            })
            .ok()
    }
}

/// The functions, warm.
#[derive(Debug)]
pub struct Functions {
    clock: Clock,
    upload: satchel_upload::State<AnyStore>,
    resume: satchel_resume::State<AnyStore>,
    download: satchel_download::State<AnyStore>,
    /// Where it is switched on.
    component: Option<satchel_component::State<AnyStore>>,
    rosters: Rosters,
    seal: satchel_seal::State<AnyStore>,
    expire: satchel_expire::State<AnyStore>,
    /// Where clients can reach an S3.
    presigns: bool,
}

impl Functions {
    /// Builds each function's state over `store`, as its cold start would.
    #[must_use]
    pub fn new(configs: Configs, settings: &Settings, sdk: &SdkConfig, clock: &Clock, store: &AnyStore) -> Self {
        let (clock, store) = (clock.clone(), || store.clone());
        Self {
            presigns: settings.presigns(),
            upload: State::on(store(), configs.upload, sdk, clock.clone()),
            resume: State::on(store(), configs.resume, sdk, clock.clone()),
            download: State::on(store(), configs.download, sdk, clock.clone()),
            component: configs
                .component
                .map(|config| satchel_component::State::on(store(), config, sdk, clock.clone())),
            rosters: Rosters::new(configs.rosters, &clock, &store()),
            seal: State::on(store(), configs.seal, sdk, clock.clone()),
            expire: State::on(store(), configs.expire, sdk, clock.clone()),
            clock,
        }
    }

    /// Says whether requests of the tus protocol may be larger than what Lambda takes.
    #[must_use]
    pub fn with_chunks_of_any_size(mut self, any_size: bool) -> Self {
        if any_size {
            self.resume.config.max_append_size = None;
        }
        self
    }

    /// How much the tus protocol takes.
    #[must_use]
    pub fn resume_limits(&self) -> Limits {
        self.resume.config.limits()
    }

    /// The functions' time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The same, with chance for what is decided in it.
    ///
    /// # Errors
    /// The operating system has no randomness to give.
    pub fn moment(&self) -> Result<Moment, getrandom::Error> {
        self.clock.moment()
    }

    /// The function behind S3's events.
    #[must_use]
    pub fn seal(&self) -> &satchel_seal::State<AnyStore> {
        &self.seal
    }

    /// The function that the schedule runs.
    #[must_use]
    pub fn expire(&self) -> &satchel_expire::State<AnyStore> {
        &self.expire
    }

    /// The functions of rosters.
    #[must_use]
    pub fn rosters(&self) -> &Rosters {
        &self.rosters
    }

    /// Whether a path is one of the tus protocol.
    #[must_use]
    pub fn is_resume(&self, path: &str) -> bool {
        let route = Route::of(path, self.resume.config.public_path.as_deref(), None);
        route.is_some_and(|route| route.resource == Resource::Resume)
    }

    /// What downloads go by.
    #[must_use]
    pub fn download(&self) -> &DownloadConfig {
        &self.download.config
    }

    /// The function of resumable uploads.
    #[must_use]
    pub fn resume(&self) -> &satchel_resume::State<AnyStore> {
        &self.resume
    }

    /// The function of uploads.
    #[must_use]
    pub fn upload(&self) -> &satchel_upload::State<AnyStore> {
        &self.upload
    }

    /// What signs the URLs that uploads are sent to; `None` where clients reach no S3.
    #[must_use]
    pub fn presigner(&self) -> Option<&Presigner> {
        self.presigns.then_some(&self.upload.presigner)
    }

    /// The method of a request for a file: PUT, GET or HEAD, and at none of the other functions' addresses.
    #[must_use]
    pub fn of_files(&self, request: &Parts) -> Option<Method> {
        let (method, path) = (&request.method, request.uri.path());
        let of_others = self.component.is_some() && is_component(path)
            || self.rosters.at(method, path).is_some()
            || self.is_resume(path);
        let is_ours = [Method::PUT, Method::GET, Method::HEAD].contains(method) && !of_others;
        is_ours.then(|| method.clone())
    }

    /// Hands a request to the function of its route, a resumable upload's as of another moment than now where one is
    /// given; also gives the function's name. Boxed: the gateway's own future would otherwise hold all of the functions', one
    /// in the other, more than the compiler lays out.
    pub fn answer(&self, raw: RawHead, body: Bytes, as_of: Option<Timestamp>) -> BoxFuture<'_, (&'static str, Answer)> {
        Box::pin(self.hand_over(raw, body, as_of))
    }

    async fn hand_over(&self, raw: RawHead, body: Bytes, as_of: Option<Timestamp>) -> (&'static str, Answer) {
        if let Some(component) = self.component.as_ref().filter(|_| is_component(&raw.path)) {
            return ("component", satchel_component::handle(component, raw, body).await);
        }
        if let Some(function) = self.rosters.at(&raw.method, &raw.path) {
            return function.answer(raw, body).await;
        }
        if self.is_resume(&raw.path) {
            let resume = as_of.map_or_else(|| self.resume.clone(), |now| self.resume.as_of(now));
            return ("resume", satchel_resume::handle(&resume, raw, body).await);
        }
        if matches!(raw.method, Method::GET | Method::HEAD) {
            return ("download", satchel_download::handle(&self.download, raw).await);
        }
        ("upload", satchel_upload::handle(&self.upload, raw, body).await)
    }
}

/// The resources of `component`.
fn is_component(path: &str) -> bool {
    matches!(path, "/component" | "/slot") || path.starts_with("/slot/")
}

//! The program under test: one of its own for every test, in a folder that goes with it.

mod kept;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use satchel::{
    health::Check,
    journal::Sink,
    settings::Settings,
    stack::{Options, Stack},
};
use satchel_aws::storage::PATIENCE;
use satchel_listener::Address;
use satchel_telemetry::clock::Clock;
use tempfile::TempDir;

use super::{
    client::{Answer, Request, follow},
    lines::Lines,
    plain_s3::PlainS3,
    tokens::{self, SECRET},
};

/// A running stack in a folder that goes with it.
pub struct World {
    pub stack: Stack,
    pub lines: Lines,
    settings: Settings,
    clock: Option<Arc<AtomicU64>>,
    folder: TempDir,
    /// Its own, where it is over another S3 than the folder.
    beside: Option<PlainS3>,
}

/// How a stack differs from the ordinary one.
#[derive(Default)]
pub struct Setup {
    pub variables: Vec<(&'static str, String)>,
    /// With an S3 server on the folder.
    pub s3: bool,
    pub strict_aws: bool,
    pub now: Option<u64>,
    pub s3_patience: Option<Duration>,
    pub check: Option<Check>,
}

/// An ordinary stack on a free port.
pub fn options(data: &Path, settings: Settings) -> Options {
    Options {
        listen: Address::Tcp(([127, 0, 0, 1], 0).into()),
        s3_listen: None,
        data: data.to_owned(),
        strict_aws: false,
        settings,
        clock: Clock::System,
        expire_every: None,
        check: None,
        s3_patience: PATIENCE,
        log: Sink::new(|_| {}),
    }
}

impl World {
    pub async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    /// With an S3 server on the folder, for tests that do what S3 tools and slots that lead to S3 do.
    pub async fn with_s3() -> Self {
        Self::with(Setup { s3: true, ..Setup::default() }).await
    }

    /// Functions that do as on AWS: bodies come in events, downloads are redirected to S3.
    pub async fn as_on_aws() -> Self {
        Self::with(Setup { strict_aws: true, ..Setup::default() }).await
    }

    /// A stack over an S3 of its own beside it.
    pub async fn over_s3(setup: Setup) -> Self {
        let s3 = PlainS3::start().await;
        let world = s3.world_with(setup).await;
        Self { beside: Some(s3), ..world }
    }

    pub async fn with(setup: Setup) -> Self {
        Self::in_folder(setup, tempfile::tempdir().unwrap()).await
    }

    async fn in_folder(setup: Setup, folder: TempDir) -> Self {
        let mut variables = vec![("SATCHEL_UPLOAD_SECRETS", format!("new secret\n{SECRET}"))];
        variables.extend(setup.variables);
        let lookup = |name: &str| variables.iter().rfind(|(known, _)| *known == name).map(|(_, value)| value.clone());
        let settings = Settings::load(folder.path(), lookup).unwrap();
        let (lines, sink) = Lines::of(&settings);
        let clock = setup.now.map(|now| Arc::new(AtomicU64::new(now)));
        let ordinary = options(folder.path(), settings.clone());
        let stack = Stack::start(Options {
            s3_listen: setup.s3.then_some(([127, 0, 0, 1], 0).into()),
            strict_aws: setup.strict_aws,
            clock: clock.clone().map_or(Clock::System, Clock::Fixed),
            check: setup.check,
            s3_patience: setup.s3_patience.unwrap_or(ordinary.s3_patience),
            log: sink,
            ..ordinary
        })
        .await
        .unwrap();
        Self { stack, lines, settings, clock, folder, beside: None }
    }

    /// Stops the stack and starts another on the same folder.
    pub async fn restart(self) -> Self {
        self.restart_with(Setup::default()).await
    }

    /// The same, set up differently.
    pub async fn restart_with(self, mut setup: Setup) -> Self {
        let Self { folder, beside, .. } = self;
        self.stack.stop().await;
        setup.variables.extend(beside.iter().flat_map(PlainS3::variables));
        Self { beside, ..Self::in_folder(setup, folder).await }
    }

    pub async fn stop(self) {
        self.stack.stop().await;
        if let Some(s3) = self.beside {
            s3.stop().await;
        }
    }

    pub fn set_clock(&self, seconds: u64) {
        self.clock.as_ref().unwrap().store(seconds, Ordering::Relaxed);
    }

    /// Requests to the S3 beside it so far.
    pub fn s3_requests(&self) -> u64 {
        self.beside.as_ref().unwrap().requests()
    }

    /// Sends a request to the gateway.
    pub async fn send(&self, request: &Request) -> Answer {
        request.send_to(&self.stack.address().to_string()).await
    }

    pub async fn put(&self, target: &str, body: &[u8]) -> Answer {
        self.send(&Request::new("PUT", target).body(body)).await
    }

    pub async fn get(&self, target: &str) -> Answer {
        self.send(&Request::new("GET", target)).await
    }

    /// Stores a file with a v1 token.
    pub async fn store(&self, path: &str, body: &[u8]) {
        let answer = self.put(&tokens::v1(path, body.len()), body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }

    /// What a recipient gets, be it after a redirect.
    pub async fn fetch(&self, target: &str) -> Answer {
        follow(&self.get(target).await, "GET", &[]).await
    }

    /// A variable of the functions' environment.
    pub fn variable(&self, name: &str) -> String {
        self.settings.get(name).to_owned()
    }
}

/// Programs and functions on an S3 beside them: nothing tells them what arrives there, so they seal on demand only.
impl PlainS3 {
    /// A stack on it.
    pub async fn world(&self, variables: Vec<(&'static str, String)>) -> World {
        self.world_with(Setup { variables, ..Setup::default() }).await
    }

    /// The same, set up differently.
    pub async fn world_with(&self, mut setup: Setup) -> World {
        setup.variables.extend(self.variables());
        World::with(setup).await
    }

    /// Functions on it that do as on AWS: bodies come in events.
    pub async fn world_as_on_aws(&self) -> World {
        self.world_with(Setup { strict_aws: true, ..Setup::default() }).await
    }
}

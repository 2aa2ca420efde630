//! `satchel expire`: one run by hand, with a table for a person. Where a stack has the files open it is the stack that
//! carries it out, as the files can be open only once; otherwise the command opens them itself.

mod table;

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
};

use satchel_aws::{sdk::SdkError, state::State};
use satchel_core::config::{ConfigError, FromEnvironment};
use satchel_expire::{
    ExpireConfig, Options,
    order::Order,
    report::{Summary, Tally},
};
use satchel_folder::{OpenError, StoreError};
use satchel_store::Upkeep;
use satchel_telemetry::{arrival::Seen, clock::Clock, emf, stdout};

use crate::{
    arguments::Arguments,
    control::{
        self, RunningStack,
        said::{Said, gone},
    },
    files::Files,
    journal::Sink,
    request_id::request_id,
    settings::{Settings, SettingsError},
    storage::{self, FilesError},
    terminal::LogFormat,
};

/// Where nobody watches a terminal, progress is a line for so many objects.
const LINE_EVERY: u64 = 10_000;

/// Why the command is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ExpireError {
    /// There are no settings.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Variables are malformed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// AWS's own settings, for another S3.
    #[error(transparent)]
    Sdk(#[from] SdkError),
    /// The files in the data folder cannot be had.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The lifecycle rules cannot be applied, or the files not be closed.
    #[error("the bucket cannot be set up: {0}")]
    Bucket(#[from] StoreError),
    /// Another process has the files open, and does not listen to commands.
    #[error("the files in {} are in use, and no stack answers on {}; stop what uses them, or try again once it has started", data.display(), socket.display())]
    InUse {
        /// The data folder.
        data: PathBuf,
        /// Where a stack was looked for.
        socket: PathBuf,
    },
    /// A stack listens to commands, and does not carry this one out.
    #[error("the stack that runs on {} did not carry the command out: {problem}", data.display())]
    Command {
        /// The data folder.
        data: PathBuf,
        /// What went wrong.
        problem: String,
    },
    /// No randomness.
    #[error("the system gives no random bytes: {0}")]
    Randomness(#[from] getrandom::Error),
}

/// Runs once and prints what came of it; says whether nothing failed.
///
/// # Errors
/// See [`ExpireError`]; nothing was deleted then, unless by lifecycle rules or before a stack that was asked has ended.
pub async fn expire(arguments: &Arguments, dry_run: bool) -> Result<bool, ExpireError> {
    let seen = Seen::of_event("expire", request_id());
    let settings = Settings::load(&arguments.data, satchel_telemetry::environment::environment)?;
    let order = Order { dry_run };
    let config = ExpireConfig::parse(|name| settings.given(name))?;
    let summary = if !settings.embedded() {
        run(&State::new(config, &settings.sdk().await?, Clock::System), order).await?
    } else if let Some(summary) = in_running_stack(arguments, order).await? {
        summary
    } else {
        in_own_folder(arguments, &settings, config, order).await?
    };
    match arguments.log_format {
        LogFormat::Text => stdout::print(table::of(&summary)),
        LogFormat::Json => stdout::print(emf::json(&seen.event_line(&satchel_expire::outcome(&summary)), None)),
    }
    Ok(summary.errors == 0)
}

/// By the stack that has this data folder open, if there is one.
async fn in_running_stack(arguments: &Arguments, order: Order) -> Result<Option<Summary>, ExpireError> {
    let (data, format) = (&arguments.data, arguments.log_format);
    let unable = |problem: String| ExpireError::Command { data: data.clone(), problem };
    let Some(stack) = RunningStack::find(data).await.map_err(|error| unable(error.to_string()))? else {
        return Ok(None);
    };
    let socket = control::socket(data).display().to_string();
    format.announce("stack_found", &format!("A stack is running on {}.", data.display()), [("socket", socket.into())]);
    let (mut progress, mut ended) = (Progress::default(), None);
    let hear = |said| match said {
        Said::Lifecycle(expired) => announce_lifecycle(format, expired),
        Said::Progress(gone) => progress.show(gone),
        Said::Summary(summary) => ended = Some(Ok(*summary)),
        Said::Failed(problem) => ended = Some(Err(problem)),
    };
    stack.give(&control::expire_target(order), hear).await.map_err(|error| unable(error.to_string()))?;
    progress.end();
    ended.unwrap_or_else(|| Err("it has not said what came of it".to_owned())).map(Some).map_err(unable)
}

/// Opens the files and applies the lifecycle rules, unless nothing is to be deleted, before it runs.
async fn in_own_folder(
    arguments: &Arguments,
    settings: &Settings,
    config: ExpireConfig,
    order: Order,
) -> Result<Summary, ExpireError> {
    let format = arguments.log_format;
    let lines = Sink::new(move |line| stdout::print(format.render(line, false)));
    let options = storage::options(settings, &Clock::System, lines)?;
    let store =
        storage::open(&arguments.data, settings, options).await.map_err(|error| in_use(error, &arguments.data))?;
    if !order.dry_run {
        let expired = store.apply_lifecycle(&config.s3.bucket).await?;
        announce_lifecycle(format, Tally { objects: expired.objects, bytes: expired.bytes });
    }
    let files = Files::new(store.clone(), &config.s3, Clock::System);
    let summary = run(&State::on(files, config, &settings.sdk().await?, Clock::System), order).await;
    store.close().await?;
    summary
}

fn in_use(error: FilesError, data: &Path) -> ExpireError {
    match error {
        FilesError::Open(OpenError::InUse(_)) => {
            ExpireError::InUse { data: data.to_owned(), socket: control::socket(data) }
        }
        other => other.into(),
    }
}

fn announce_lifecycle(format: LogFormat, expired: Tally) {
    let text = format!("Lifecycle rules: {} object(s), {}.", expired.objects, table::bytes(expired.bytes));
    let fields = [("objects", expired.objects.into()), ("bytes", expired.bytes.into())];
    format.announce("lifecycle_applied", &text, fields);
}

async fn run<S: Upkeep>(state: &satchel_expire::State<S>, order: Order) -> Result<Summary, ExpireError> {
    let mut progress = Progress::default();
    let mut watch = |summary: &Summary| progress.show(gone(summary));
    let options = Options { count_all: true, is_over: &|| false, watch: &mut watch };
    let summary = Box::pin(satchel_expire::run(state, order, options)).await?;
    progress.end();
    Ok(summary)
}

/// How far it is, on the standard error.
#[derive(Default)]
struct Progress {
    shown: u64,
}

impl Progress {
    fn show(&mut self, Tally { objects, bytes }: Tally) {
        let terminal = std::io::stderr().is_terminal();
        if objects < self.shown + if terminal { 1 } else { LINE_EVERY } {
            return;
        }
        self.shown = objects;
        let (start, end) = if terminal { ("\r", "") } else { ("", "\n") };
        eprint!("{start}{objects} object(s), {} ...{end}", table::bytes(bytes));
    }

    fn end(&self) {
        if self.shown > 0 && std::io::stderr().is_terminal() {
            eprintln!();
        }
    }
}

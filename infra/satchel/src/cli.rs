//! The command line: start, print what to paste, stop on a signal.

use std::{io, process::ExitCode, time::Duration};

use rustix::{fs::Mode, process::umask};
use satchel_aws::storage::PATIENCE;
use satchel_core::config::BAD_CONFIGURATION;
use satchel_telemetry::{clock::Clock, environment::environment, level::Level, stdout};
use sd_notify::NotifyState;
use tokio::{
    runtime::Runtime,
    signal::unix::{Signal, SignalKind, signal},
};

use crate::{
    arguments::{Arguments, Command},
    expire::{ExpireError, expire},
    journal::Sink,
    limits::raise_files,
    settings::{Settings, SettingsError},
    snippet,
    stack::{Options, Stack, StackError},
    storage::{self, FilesError},
    systemd,
    terminal::{LogFormat, shows_colours},
};

/// As template.yaml schedules it.
const EXPIRE_EVERY: Duration = Duration::from_secs(3_600);
/// What a shell reports for a process that Ctrl-C has ended.
const INTERRUPTED: i32 = 130;

/// Why a command is not carried out.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(transparent)]
    Expire(#[from] ExpireError),
    #[error(transparent)]
    Repair(#[from] FilesError),
    /// No signals.
    #[error("signals cannot be received: {0}")]
    Signals(io::Error),
}

impl CliError {
    fn is_about_configuration(&self) -> bool {
        use {ExpireError as Expire, StackError as Stack};
        matches!(self, Self::Stack(Stack::Config(_) | Stack::Sdk(_)) | Self::Expire(Expire::Config(_) | Expire::Sdk(_)))
    }
}

/// Does what the command line says: without a command it runs the stack until SIGTERM or Ctrl-C, which let running
/// requests finish; a second signal does not wait.
// Not `async`: what is gets compiled by whoever waits for it, all of it, in each crate again.
#[must_use]
pub fn run(arguments: Arguments) -> ExitCode {
    match Runtime::new() {
        Ok(runtime) => runtime.block_on(carry_out(arguments)),
        Err(error) => {
            arguments.log_format.fail("stack", "not_started", &error.to_string());
            ExitCode::FAILURE
        }
    }
}

async fn carry_out(arguments: Arguments) -> ExitCode {
    let format = arguments.log_format;
    let (function, code) = match arguments.command {
        Some(Command::Expire { .. }) => ("expire", "failed"),
        Some(Command::Repair) => ("repair", "failed"),
        None => ("stack", "not_started"),
    };
    let done = match arguments.command {
        Some(Command::Expire { dry_run }) => expire(&arguments, dry_run).await.map_err(CliError::from),
        Some(Command::Repair) => storage::repair(&arguments.data, format).await.map_err(CliError::from),
        None => serve(arguments).await.map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            format.fail(function, code, &error.to_string());
            if error.is_about_configuration() { ExitCode::from(BAD_CONFIGURATION) } else { ExitCode::FAILURE }
        }
    }
}

async fn serve(arguments: Arguments) -> Result<(), CliError> {
    let (mut terminated, mut interrupted) = signals()?;
    let format = arguments.log_format;
    let warn = |code, text: &str| format.warn(code, text);
    // Sockets get their own mode.
    umask(Mode::RWXG | Mode::RWXO);
    if let Err(error) = raise_files() {
        warn("files_limited", &format!("the limit of open files cannot be raised: {error}"));
    }
    let settings = Settings::load(&arguments.data, |name| systemd::variable(name, warn))?;
    if settings.is_exposed() {
        let folder = arguments.data.display();
        let text = format!(
            "others may look into the data folder {folder}; files and secrets in it are private, make it so, too: chmod 700 {folder}"
        );
        warn("data_folder_open", &text);
    }
    let stack = Stack::start(Options {
        listen: arguments.listen,
        s3_listen: arguments.s3_listen,
        data: arguments.data,
        strict_aws: arguments.strict_aws,
        settings: settings.clone(),
        clock: Clock::System,
        expire_every: Some(EXPIRE_EVERY),
        check: None,
        s3_patience: PATIENCE,
        log: printing(format),
    })
    .await?;
    snippet::welcome(&stack, &settings, format);
    systemd::notify(NotifyState::Ready, warn);
    tokio::select! {
        () = either(&mut terminated, &mut interrupted) => {}
        // Without a watchdog it never ends, and with one neither.
        () = systemd::keep_watch(stack.checkup(), warn) => {}
    }
    systemd::notify(NotifyState::Stopping, warn);
    format.announce("stopping", "Finishing running requests; once more stops at once.", []);
    tokio::select! {
        () = stack.stop() => Ok(()),
        () = either(&mut terminated, &mut interrupted) => std::process::exit(INTERRUPTED),
    }
}

/// Prints the lines that are serious enough.
fn printing(format: LogFormat) -> Sink {
    let (wanted, colours) = (Level::wanted(environment("AWS_LAMBDA_LOG_LEVEL").as_deref()), shows_colours());
    Sink::new(move |line| {
        if line.level >= wanted {
            stdout::print(format.render(line, colours));
        }
    })
}

fn signals() -> Result<(Signal, Signal), CliError> {
    let listen = |kind| signal(kind).map_err(CliError::Signals);
    Ok((listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?))
}

async fn either(terminated: &mut Signal, interrupted: &mut Signal) {
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
}

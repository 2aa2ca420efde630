//! The command line: start, print what to paste, stop on a signal.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};
use rustix::{fs::Mode, process::umask};
use satchel_aws::{
    bootstrap::{BAD_CONFIGURATION, environment},
    clock::Clock,
    log,
    storage::PATIENCE,
};
use satchel_listener::Address;
use satchel_telemetry::level::Level;
use sd_notify::NotifyState;
use tokio::{
    runtime::Runtime,
    signal::unix::{Signal, SignalKind, signal},
};

use crate::{
    expire::expire,
    journal::Sink,
    limits::raise_files,
    settings::Settings,
    snippet,
    stack::{Options, Stack, StackError},
    storage, systemd,
    terminal::{LogFormat, shows_colours},
};

/// As template.yaml schedules it.
const EXPIRE_EVERY: Duration = Duration::from_secs(3_600);
/// What a shell reports for a process that Ctrl-C has ended.
const INTERRUPTED: i32 = 130;

/// File sharing for an XMPP server, on this machine: the functions of the Satchel bundle behind one address, with all
/// files in one folder.
#[derive(Debug, Parser)]
#[command(name = "satchel", version, after_help = AFTER_HELP)]
pub struct Arguments {
    /// What to do instead of serving
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Where the gateway listens; XMPP clients upload and download here. `unix:PATH` is a Unix socket for a reverse proxy
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: Address,
    /// Where an S3 server on the folder listens, for S3 tools and for slots that lead to S3; without it there is none
    #[arg(long, value_name = "ADDR")]
    pub s3_listen: Option<SocketAddr>,
    /// The folder that keeps files, index and secrets
    #[arg(long, value_name = "DIR", default_value = ".satchel", global = true)]
    pub data: PathBuf,
    /// Do as on AWS: refuse bodies that no Lambda event can hold (413), redirect downloads to S3, which listens on a free port
    /// of 127.0.0.1 unless --s3-listen names another address
    #[arg(long)]
    pub strict_aws: bool,
    /// How the line of each request is printed, and all else that standard output gets
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t, global = true)]
    pub log_format: LogFormat,
}

/// What can be done besides serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make the index of the data folder again, from what of it can be read and from the files beside it. Nothing is
    /// deleted; stop the stack first
    Repair,
    /// Delete now what has expired, what is over SATCHEL_MAX_TOTAL_BYTES, and what interrupted work has left; a running
    /// stack does so every hour
    Expire {
        /// Write the report of what would be deleted, and delete nothing
        #[arg(long)]
        dry_run: bool,
    },
}

const AFTER_HELP: &str = "Environment: SATCHEL_UPLOAD_SECRETS (one per line, made and kept in the data folder where \
missing), SATCHEL_PUBLIC_URL, SATCHEL_MAX_SIZE, SATCHEL_RETENTION_DAYS, SATCHEL_MAX_TOTAL_BYTES, SATCHEL_SAFE_TYPES, \
SATCHEL_METRONOME_DELETE_SECRET, SATCHEL_S3_PUBLIC_URL, SATCHEL_TRUSTED_PROXIES, SATCHEL_MIN_FREE_BYTES, SATCHEL_MAX_CONNECTIONS, \
SATCHEL_MAX_CONNECTIONS_PER_CLIENT, SATCHEL_HEADER_TIMEOUT; AWS_ENDPOINT_URL_S3 with SATCHEL_BUCKET and AWS \
credentials uses another S3 instead of the folder. README.md explains each.";

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
        Some(Command::Expire { dry_run }) => expire(&arguments, dry_run).await,
        Some(Command::Repair) => storage::repair(&arguments.data, format).await,
        None => serve(arguments).await.map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            format.fail(function, code, &error.to_string());
            match error {
                StackError::Config(_) | StackError::Sdk(_) => ExitCode::from(BAD_CONFIGURATION),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

async fn serve(arguments: Arguments) -> Result<(), StackError> {
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
            log::print(format.render(line, colours));
        }
    })
}

fn signals() -> Result<(Signal, Signal), StackError> {
    let listen = |kind| signal(kind).map_err(StackError::Signals);
    Ok((listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?))
}

async fn either(terminated: &mut Signal, interrupted: &mut Signal) {
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
}

//! `satchel expire`: one run by hand, with a table for a person. Beside a running stack it goes through that stack's
//! S3, as the files can be open only once; otherwise it opens them itself.

mod table;

use std::{io::IsTerminal, net::SocketAddr, time::Duration};

use satchel_aws::{
    clock::Clock,
    log::{self, Seen},
    state::State,
};
use satchel_core::{
    config::ExpireConfig,
    expiry::{
        entry::PREFIX,
        order::Order,
        report::{Summary, Tally},
    },
};
use satchel_expire::Options;
use satchel_s3::{OpenError, listener::Address, listener::Terms};
use satchel_store::Inventory;
use tokio::net::TcpStream;

use crate::{
    cli::Arguments, embedded_s3::open_s3, gateway::event::request_id, journal::Sink, running::Running,
    settings::Settings, stack::StackError, storage, terminal::LogFormat,
};

/// A stack on this machine accepts at once.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Where nobody watches a terminal, progress is a line for so many objects.
const LINE_EVERY: u64 = 10_000;

/// Runs once and prints what came of it; says whether nothing failed.
///
/// # Errors
/// See [`StackError`]; nothing was deleted then, unless by lifecycle rules.
pub async fn expire(arguments: &Arguments, dry_run: bool) -> Result<bool, StackError> {
    let seen = Seen::of_event("expire", request_id());
    let settings = Settings::load(&arguments.data, satchel_aws::bootstrap::environment)?;
    let (order, elsewhere) = (Order { dry_run }, state(&settings)?);
    let summary = if !settings.embedded() {
        run(&elsewhere, order).await?
    } else if let Some(state) = running_stack(&settings, arguments.s3_listen).await? {
        let s3 = arguments.s3_listen;
        let text = format!("A stack is running on {s3}; its lifecycle rules are its own business.");
        arguments.log_format.announce("stack_found", &text, [("s3", s3.to_string().into())]);
        run(&state, order).await?
    } else {
        in_own_folder(arguments, &settings, order).await?
    };
    match arguments.log_format {
        LogFormat::Text => log::print(table::of(&summary)),
        LogFormat::Json => log::print(seen.event_line(&satchel_expire::outcome(&summary)).to_json(None)),
    }
    Ok(summary.errors == 0)
}

fn state(settings: &Settings) -> Result<satchel_expire::State, StackError> {
    settings.keys_are_there()?;
    let config = ExpireConfig::parse(|name| settings.given(name))?;
    Ok(State::new(config, settings.credentials(), Clock::System))
}

/// The S3 of a stack that runs on this very data folder: only such a one takes the key kept there.
async fn running_stack(settings: &Settings, s3: SocketAddr) -> Result<Option<satchel_expire::State>, StackError> {
    let connected = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(s3)).await;
    if !matches!(connected, Ok(Ok(_))) {
        return Ok(None);
    }
    let state = state(&settings.clone().listening_on(&Address::Tcp(s3), s3))?;
    Ok(state.store.list(PREFIX, None).await.is_ok().then_some(state))
}

/// Opens the files and applies the lifecycle rules, unless nothing is to be deleted, before it runs.
async fn in_own_folder(arguments: &Arguments, settings: &Settings, order: Order) -> Result<Summary, StackError> {
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let format = arguments.log_format;
    let lines = Sink::new(move |line| log::print(format.render(line, false)));
    let options = storage::options(settings, &Clock::System, lines)?;
    let (server, store, address) = match open_s3(&arguments.data, anywhere, settings, options, Terms::default()).await {
        Err(StackError::Open(OpenError::InUse(_))) => {
            let (data, s3_listen) = (arguments.data.clone(), arguments.s3_listen);
            return Err(StackError::InUseElsewhere { data, s3_listen });
        }
        opened => opened?,
    };
    let server = Running::spawn(|told| server.serve(async { drop(told.await) }));
    let state = state(&settings.clone().listening_on(&Address::Tcp(address), address))?;
    if !order.dry_run {
        let expired = store.apply_lifecycle(&state.config.s3.bucket).await?;
        let text = format!("Lifecycle rules: {} object(s), {}.", expired.objects, table::bytes(expired.bytes));
        let fields = [("objects", expired.objects.into()), ("bytes", expired.bytes.into())];
        arguments.log_format.announce("lifecycle_applied", &text, fields);
    }
    let summary = run(&state, order).await;
    server.stop().await;
    store.close().await?;
    summary
}

async fn run(state: &satchel_expire::State, order: Order) -> Result<Summary, StackError> {
    let mut progress = Progress::default();
    let mut watch = |summary: &Summary| progress.show(summary);
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
    fn show(&mut self, summary: &Summary) {
        let Tally { objects, bytes } = table::gone(summary);
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

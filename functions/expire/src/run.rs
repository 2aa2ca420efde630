//! One run from beginning to end: what is due, what interrupted work has left, what is over the limit, the report.

use satchel_core::object_key::Key;
use satchel_store::Upkeep;
use satchel_telemetry::clock::fresh_upload_id;

use crate::{book::Book, deletion::Run, due, leftovers, order::Order, report::Summary, room, state::State, stop::Stop};

/// How a run is watched and stopped.
pub struct Options<'a> {
    /// Count what is left even where there is no total limit, which lists everything.
    pub count_all: bool,
    /// Whether it is time to begin nothing more.
    pub is_over: &'a (dyn Fn() -> bool + Send + Sync),
    /// Is shown how far it is, now and then.
    pub watch: &'a mut (dyn FnMut(&Summary) + Send),
}

/// Runs once.
///
/// # Errors
/// Only where it cannot begin; all that fails later is counted in the summary.
pub async fn run<S: Upkeep>(state: &State<S>, order: Order, options: Options<'_>) -> Result<Summary, getrandom::Error> {
    let now = state.clock.now();
    let name = fresh_upload_id()?.encode();
    let run = Run { store: &state.store, now, dry_run: order.dry_run, stop: Stop::new(options.is_over) };
    let report = state.store.report(Key::of_report(now, &name));
    let mut book = Book::new(report, Summary::new(name, order.dry_run, now), options.watch);
    due::delete(&run, &mut book).await;
    let limit = state.config.max_total_bytes;
    let counts = limit.is_some() || options.count_all;
    let unfinished = leftovers::clear(&run, &mut book, counts).await;
    if counts {
        room::make(&run, &mut book, limit, unfinished).await;
    }
    Ok(book.close(!run.is_over()).await)
}

//! `POST /expire?dry_run=true|false`: one run in the stack, with its settings.

use std::sync::Arc;

use futures_util::{
    FutureExt, StreamExt, future,
    stream::{self, BoxStream},
};
use http::StatusCode;
use satchel_core::problem::Problem;
use satchel_expire::order::Order;
use tokio::sync::mpsc;

use super::said::Said;
use crate::housekeeping::Housekeeper;

pub(super) const PATH: &str = "/expire";
const DRY_RUN: &str = "dry_run";

/// Where an order goes to.
pub(crate) fn target(order: Order) -> String {
    format!("{PATH}?{DRY_RUN}={}", order.dry_run)
}

/// What a query asks for. Nothing is deleted by mistake: what is not understood is refused.
pub(super) fn order(query: Option<&str>) -> Result<Order, Problem> {
    let mut order = Order::default();
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        order.dry_run = match pair.split_once('=') {
            Some((DRY_RUN, "true")) => true,
            Some((DRY_RUN, "false")) => false,
            _ => {
                let detail = format!("'{pair}' is not understood; there is {DRY_RUN}=true and {DRY_RUN}=false");
                return Err(Problem::new(StatusCode::BAD_REQUEST, "query_malformed", detail));
            }
        };
    }
    Ok(order)
}

/// Says how far a run is, and what it came to. The run goes with the lines: whoever interrupts the command ends it, and
/// the next one goes on.
pub(super) fn run(housekeeper: Arc<Housekeeper>, order: Order) -> BoxStream<'static, Said> {
    let (told, lines) = mpsc::unbounded_channel();
    let running = async move {
        // Nobody who would not hear it is there any more.
        let say = |said| drop(told.send(said));
        let done = housekeeper.by_hand(order, &say).await;
        say(done.map_or_else(|error| Said::Failed(error.to_string()), |summary| Said::Summary(Box::new(summary))));
    };
    let running = running.into_stream().filter_map(|()| future::ready(None));
    let lines = stream::unfold(lines, |mut lines| async { lines.recv().await.map(|said| (said, lines)) });
    stream::select(running, lines).boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_understood_or_refused() {
        for (query, dry_run) in [
            (None, Some(false)),
            (Some(""), Some(false)),
            (Some("dry_run=false"), Some(false)),
            (Some("dry_run=true"), Some(true)),
            (Some("dry_run"), None),
            (Some("dry_run=1"), None),
            (Some("dryrun=true"), None),
            (Some("dry_run=true&older=7"), None),
        ] {
            assert_eq!(order(query).ok().map(|order| order.dry_run), dry_run, "{query:?}");
        }
        for order in [Order { dry_run: true }, Order { dry_run: false }] {
            let target = target(order);
            assert_eq!(super::order(target.split_once('?').map(|(_, query)| query)).unwrap(), order);
        }
    }
}

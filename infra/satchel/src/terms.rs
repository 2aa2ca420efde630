//! What the two servers go by: patience, room, who speaks for others, the functions' time.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use satchel_listener::{Peer, Terms};
use satchel_telemetry::clock::Clock;

use crate::{
    gateway::unreadable,
    journal::Journal,
    limits::{self, Limits},
    proxies::TrustedProxies,
};

/// The gateway's.
pub fn of_gateway(limits: &Limits, proxies: TrustedProxies, clock: &Clock, journal: Arc<Journal>) -> Terms {
    Terms {
        patience: limits.patience(),
        room: limits.of_server(limits::files()),
        for_others: Arc::new(move |peer| proxies.trust(peer)),
        clock: wall_clock(clock),
        unreadable: Some(unreadable(journal)),
    }
}

/// The S3 server's on the folder. What comes from this machine may be a reverse proxy's, and speak for others.
pub fn of_s3(limits: &Limits, proxies: TrustedProxies, clock: &Clock) -> Terms {
    let of_this_machine = |peer| matches!(peer, Peer::Ip(address) if address.is_loopback());
    Terms {
        patience: limits.patience(),
        room: limits.of_server(limits::files()),
        for_others: Arc::new(move |peer| of_this_machine(peer) || proxies.trust(peer)),
        clock: wall_clock(clock),
        unreadable: None,
    }
}

fn wall_clock(clock: &Clock) -> Arc<dyn Fn() -> SystemTime + Send + Sync> {
    let clock = clock.clone();
    Arc::new(move || UNIX_EPOCH + Duration::from_millis(clock.milliseconds()))
}

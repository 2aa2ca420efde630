//! What a stack is started with.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use satchel_listener::Address;
use satchel_telemetry::clock::Clock;

use crate::{health::Check, journal::Sink, settings::Settings};

/// What a stack is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// The gateway's address; port 0 takes a free one.
    pub listen: Address,
    /// The S3 server's address; port 0 takes a free one. `None`: no S3 server, unless redirects need one.
    pub s3_listen: Option<SocketAddr>,
    /// The folder that everything is kept in.
    pub data: PathBuf,
    /// Refuse what AWS would refuse.
    pub strict_aws: bool,
    /// The functions' environment.
    pub settings: Settings,
    /// The functions' time, and the S3 server's.
    pub clock: Clock,
    /// How often lifecycle rules are applied and `expire` runs, from the start on; `None`: never by itself.
    pub expire_every: Option<Duration>,
    /// Says how the store is; `None`: what the system says of the data folder.
    pub check: Option<Check>,
    /// How long another S3 may take or give nothing of a file, and then for its answer.
    pub s3_patience: Duration,
    /// Takes the line of each request and event.
    pub log: Sink,
}

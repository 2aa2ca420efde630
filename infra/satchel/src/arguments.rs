//! What the command line says.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Parser, Subcommand};
use satchel_listener::Address;

use crate::terminal::LogFormat;

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

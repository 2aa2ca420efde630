//! Debian's nginx, as Debian configures it: sendfile, one worker for each processor, an access log.

use std::{fs, net::SocketAddr, path::Path, process::Command};

use super::super::process::{Process, free_address};
use crate::{error::BenchError, programs};

/// Starts it; `None` where it is not installed.
///
/// # Errors
/// It does not start.
pub fn start(name: &'static str, folder: &Path) -> Result<Option<(Process, SocketAddr)>, BenchError> {
    let Some(program) = programs::find("nginx") else { return Ok(None) };
    let (address, config) = (free_address()?, folder.join("nginx.conf"));
    fs::create_dir_all(folder.join("files"))?;
    fs::write(&config, configuration(folder, address))?;
    let mut command = Command::new(program);
    command.arg("-p").arg(folder).arg("-c").arg(&config).args(["-e", "error.log"]);
    Ok(Some((Process::listening(name, &mut command, address)?, address)))
}

/// One connection carries as many requests as it likes: 1,000, nginx's own limit, is over in no time here. The rest is
/// Debian's, or nginx's default.
fn configuration(folder: &Path, address: SocketAddr) -> String {
    let folder = folder.display();
    format!(
        "daemon off;
user root;
worker_processes auto;
pid nginx.pid;
events {{ worker_connections 768; }}
http {{
    sendfile on;
    tcp_nopush on;
    types_hash_max_size 2048;
    default_type application/octet-stream;
    access_log access.log;
    keepalive_requests 100000000;
    client_max_body_size 0;
    client_body_temp_path \"{folder}/bodies\";
    server {{
        listen {address};
        location / {{
            root \"{folder}/files\";
            dav_methods PUT;
            create_full_put_path on;
        }}
    }}
}}
"
    )
}

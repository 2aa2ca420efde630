//! As much of Prosody's mod_http_roster_admin as `roster-refresh` talks to: it says that everybody is up to date.

use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

use super::http1::Connection;

const REPORT: &str = r#"{"status":"ok","message":"roster update complete","updated":1,"errors":0}"#;

/// Starts answering, on a free port of this machine, for as long as the harness runs.
///
/// # Errors
/// What the system says.
pub fn start() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::Builder::new().name("prosody".into()).spawn(move || accept(&listener))?;
    Ok(address)
}

fn accept(listener: &TcpListener) {
    for stream in listener.incoming().flatten() {
        // What breaks off here is answered with 502 there, which is no measurement.
        thread::spawn(move || converse(stream));
    }
}

fn converse(stream: TcpStream) -> io::Result<()> {
    let mut connection = Connection::new(stream)?;
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{REPORT}",
        REPORT.len()
    );
    while connection.request()?.is_some() {
        connection.send(head.as_bytes())?;
    }
    Ok(())
}

//! What functions talk to besides S3: servers that answer everything alike.

use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

use serde_json::{Value, json};

use super::http1::Connection;
use crate::tokens::SECRET;

/// Where they listen.
#[derive(Debug, Clone, Copy)]
pub struct Neighbours {
    prosody: SocketAddr,
    parameters: SocketAddr,
}

impl Neighbours {
    /// Starts answering, on free ports of this machine, for as long as the harness runs.
    ///
    /// # Errors
    /// What the system says.
    pub fn start() -> io::Result<Self> {
        // As much of mod_http_roster_admin as `roster-refresh` needs: everybody is up to date.
        let report = json!({"status": "ok", "message": "roster update complete", "updated": 1, "errors": 0});
        // As much of Parameter Store as a secret by reference needs.
        let parameter =
            json!({"Name": "/satchel/upload-secrets", "Type": "SecureString", "Value": SECRET, "Version": 1});
        Ok(Self {
            prosody: start("prosody", "application/json", &report)?,
            parameters: start("parameters", "application/x-amz-json-1.1", &json!({"Parameter": parameter}))?,
        })
    }

    /// The variables by which functions find them.
    pub fn variables(&self) -> [(&'static str, String); 2] {
        [
            ("SATCHEL_PROSODY_REFRESH_URL", format!("http://{}/roster_admin/refresh", self.prosody)),
            ("AWS_ENDPOINT_URL_SSM", format!("http://{}", self.parameters)),
        ]
    }
}

fn start(name: &str, content_type: &str, answer: &Value) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let (body, status) = (answer.to_string(), "HTTP/1.1 200 OK\r\n");
    let answer =
        format!("{status}Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes();
    thread::Builder::new().name(name.into()).spawn(move || accept(&listener, &answer))?;
    Ok(address)
}

fn accept(listener: &TcpListener, answer: &[u8]) {
    for stream in listener.incoming().flatten() {
        let answer = answer.to_vec();
        // What breaks off here is an answer of the function that is not expected, which is no measurement.
        thread::spawn(move || converse(stream, &answer));
    }
}

fn converse(stream: TcpStream, answer: &[u8]) -> io::Result<()> {
    let mut connection = Connection::new(stream)?;
    while connection.request()?.is_some() {
        connection.send(answer)?;
    }
    Ok(())
}

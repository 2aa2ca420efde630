//! A function that is none: polls and answers with blocking calls and nothing else. What it takes is the harness's own
//! part of all other figures.

use std::{env, io, net::TcpStream};

use super::http1::Connection;

/// Makes this program play the function that is none.
pub const FLOOR: &str = "--floor";

const ANSWER: &str = r#"{"statusCode":200,"body":"hello"}"#;

/// Answers until the runtime API goes away.
///
/// # Errors
/// There is no runtime API.
pub fn serve() -> io::Result<()> {
    let address = env::var("AWS_LAMBDA_RUNTIME_API").map_err(io::Error::other)?;
    let mut connection = Connection::new(TcpStream::connect(address)?)?;
    loop {
        connection.send(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: api\r\n\r\n")?;
        let Some(event) = connection.response()? else { return Ok(()) };
        let (id, length) = (event.name, ANSWER.len());
        let head = format!(
            "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: api\r\nContent-Length: {length}\r\n\r\n"
        );
        connection.send((head + ANSWER).as_bytes())?;
        connection.response()?;
    }
}

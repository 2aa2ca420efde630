//! What stands between a client and an S3 reads one request, and passes one on.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// One request: its head as text, with a blank line at the end, and its body. `None` where the client broke off.
pub async fn read(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, body))
}

/// To the S3 and back, on a connection of its own. `None` where the S3 took no request.
pub async fn pass(s3: SocketAddr, head: &str, body: &[u8]) -> Option<Vec<u8>> {
    let mut upstream = TcpStream::connect(s3).await.ok()?;
    let head = head.replacen("\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1);
    upstream.write_all(head.as_bytes()).await.ok()?;
    upstream.write_all(body).await.ok()?;
    let mut answer = Vec::new();
    let _ = upstream.read_to_end(&mut answer).await;
    Some(answer)
}

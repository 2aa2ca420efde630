//! A client of the tus protocol, request by request.

use super::{
    client::{Answer, Request},
    tokens,
    world::World,
};

pub const MIB: usize = 1024 * 1024;
/// What a client is told to send at once.
pub const CHUNK: usize = 4 * MIB;
pub const CHUNK_TYPE: &str = "application/offset+octet-stream";

/// The target of an upload's token, below the other route.
pub fn target(upload_target: &str) -> String {
    upload_target.replacen("/upload/", "/resume/", 1)
}

pub fn tus(method: &str, target: &str) -> Request {
    Request::new(method, target).header("Tus-Resumable", "1.0.0")
}

pub fn post(path: &str, length: usize) -> Request {
    tus("POST", &target(&tokens::v1(path, length))).header("Upload-Length", length.to_string())
}

pub fn patch(url: &str, offset: usize, chunk: &[u8]) -> Request {
    let request = tus("PATCH", url).header("Upload-Offset", offset.to_string());
    request.header("Content-Type", CHUNK_TYPE).body(chunk)
}

/// Where `Location` leads from where the upload was created.
pub fn resolved(created_at: &str, answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{answer:?}");
    let base: url::Url = format!("http://host{created_at}").parse().unwrap();
    base.join(answer.header("location").unwrap()).unwrap()[url::Position::BeforePath..].to_owned()
}

/// Begins an upload with a v1 token; gives its URL.
pub async fn create(world: &World, path: &str, length: usize) -> String {
    resolved(&target(&tokens::v1(path, length)), &world.send(&post(path, length)).await)
}

/// Sends a chunk that must be taken; gives the new offset.
pub async fn send(world: &World, url: &str, offset: usize, chunk: &[u8]) -> usize {
    let answer = world.send(&patch(url, offset, chunk)).await;
    assert_eq!((answer.status, answer.body.len()), (204, 0), "{answer:?} {}", String::from_utf8_lossy(&answer.body));
    offset_of(&answer)
}

pub fn offset_of(answer: &Answer) -> usize {
    answer.header("upload-offset").unwrap_or_else(|| panic!("{answer:?}")).parse().unwrap()
}

/// The offset that HEAD tells.
pub async fn offset(world: &World, url: &str) -> usize {
    let answer = world.send(&tus("HEAD", url)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    offset_of(&answer)
}

/// Sends all of `body` that is not there yet, in chunks of one size.
pub async fn send_rest(world: &World, url: &str, body: &[u8], chunk: usize) {
    let mut at = offset(world, url).await;
    while at < body.len() {
        at = send(world, url, at, &body[at..(at + chunk).min(body.len())]).await;
    }
}

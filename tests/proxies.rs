//! Reverse proxies: Unix sockets to listen on, and whose word about the client counts.

use std::{fs, path::PathBuf};

use satchel::{
    listen_error::ListenError,
    settings::Settings,
    stack::{Options, Stack, StackError},
};
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt, net::UnixStream};

use crate::support::{Answer, Request, Setup, World, bytes, follow, options, tokens};

#[tokio::test]
async fn the_log_names_the_client() {
    for (name, trusted, forwarded_for, client) in [
        ("a trusted proxy's", "127.0.0.1", "203.0.113.9, 192.0.2.1", "192.0.2.1"),
        ("spoofed", "", "192.0.2.2", "127.0.0.1"),
        ("spoofed where others are trusted", "10.0.0.0/8 unix", "192.0.2.3", "127.0.0.1"),
    ] {
        let variables = vec![("SATCHEL_TRUSTED_PROXIES", trusted.to_owned())];
        let world = World::with(Setup { variables, ..Setup::default() }).await;
        let small = Request::new("PUT", &tokens::v1("u/a", 5)).body(b"hello");
        let large = Request::new("PUT", &tokens::v1("u/b", 5_000_000)).body(&bytes(5_000_000));
        for request in [small, large, Request::new("GET", "/upload/u/none")] {
            world.send(&request.header("X-Forwarded-For", forwarded_for)).await;
        }
        // S3's events come from no client.
        let lines: Vec<_> = world.lines.all().into_iter().filter(|line| !line["status"].is_null()).collect();
        assert_eq!(lines.len(), 3, "{name}: {lines:?}");
        assert!(lines.iter().all(|line| line["client"] == client), "{name}: {lines:?}");
        world.stop().await;
    }
}

/// A stack on a Unix socket.
async fn on_socket(folder: &TempDir, variables: &[(&str, &str)]) -> (PathBuf, Result<Stack, StackError>) {
    let socket = folder.path().join("gateway.sock");
    let lookup = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let settings = Settings::load(folder.path(), lookup).unwrap();
    let listen = format!("unix:{}", socket.display()).parse().unwrap();
    (socket, Stack::start(Options { listen, ..options(folder.path(), settings) }).await)
}

const URL: (&str, &str) = ("SATCHEL_PUBLIC_URL", "https://files.example/upload");
const SECRETS: (&str, &str) = ("SATCHEL_UPLOAD_SECRETS", crate::support::SECRET);

async fn send(socket: &PathBuf, request: &Request) -> Answer {
    let (mut reader, mut writer) = UnixStream::connect(socket).await.unwrap().into_split();
    writer.write_all(&request.to_bytes("files.example")).await.unwrap();
    Answer::read(&mut reader).await
}

#[tokio::test]
async fn files_go_through_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let (socket, stack) = on_socket(&folder, &[URL, SECRETS]).await;
    let stack = stack.unwrap();
    assert_eq!(stack.address().to_string(), format!("unix:{}", socket.display()));
    for size in [1, 5_000_000] {
        let (path, body) = (format!("u/{size}"), bytes(size));
        let put = Request::new("PUT", &tokens::v1(&path, size)).body(&body);
        assert_eq!(send(&socket, &put).await.status, 201);
        let redirect = send(&socket, &Request::new("GET", &tokens::target(&path))).await;
        assert!(follow(&redirect, "GET", &[]).await.body == body);
    }
    stack.stop().await;
    assert!(!socket.exists());
}

#[tokio::test]
async fn a_socket_in_use_or_without_a_url_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let (socket, stack) = on_socket(&folder, &[SECRETS, ("SATCHEL_TRUSTED_PROXIES", "localhost")]).await;
    let error = stack.unwrap_err().to_string();
    assert!(error.contains("SATCHEL_PUBLIC_URL") && error.contains("SATCHEL_TRUSTED_PROXIES"), "{error}");
    assert!(!socket.exists());

    let (socket, first) = on_socket(&folder, &[URL, SECRETS]).await;
    let second = tempfile::tempdir().unwrap();
    fs::hard_link(&socket, second.path().join("gateway.sock")).unwrap();
    let (_, refused) = on_socket(&second, &[URL, SECRETS]).await;
    let error = refused.unwrap_err();
    assert!(matches!(error, StackError::Listen(ListenError { option: "--listen", .. })), "{error}");
    assert!(error.to_string().contains("gateway.sock"), "{error}");
    assert_eq!(send(&socket, &Request::new("GET", "/upload/u/none")).await.status, 404);
    first.unwrap().stop().await;
}

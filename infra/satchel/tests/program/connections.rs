//! Connections that do nothing stop nobody, however few files the process may open.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use crate::process::{Program, status};

/// Connects, and begins a request that never ends.
fn half_open(program: &Program) -> TcpStream {
    let mut stream = program.connect();
    // It may be gone again.
    let _ = stream.write_all(b"GET / HTTP/1.1\r\nX-Slow: ");
    stream
}

#[test]
fn all_files_that_the_system_grants_are_used() {
    let program = Program::start_with("ulimit -Sn 300; ulimit -Hn 900", &[]);
    assert_eq!(program.field("limits", "Max open files"), "900");
    assert_eq!(program.put("u/a", 5), 201);
}

#[test]
fn half_open_connections_stop_nobody() {
    // 256 of one client are more than 256 files have room for; of 10, no limit of files is near.
    for (name, limits, variables) in [
        ("few files", "ulimit -n 256", &[][..]),
        ("few of one client", "", &[("SATCHEL_MAX_CONNECTIONS_PER_CLIENT", "10")]),
        ("few in all", "", &[("SATCHEL_MAX_CONNECTIONS", "10")]),
    ] {
        let program = Program::start_with(limits, variables);
        let held: Vec<_> = (0..400).map(|_| half_open(&program)).collect();
        assert_eq!(program.put("u/small", 5), 201, "{name}");
        // Through the front, which takes four files.
        assert_eq!(program.put("u/large", 5_000_000), 201, "{name}");
        assert_eq!(held.len(), 400);
    }
}

#[test]
fn a_client_whose_connections_are_all_busy_is_told_so() {
    let program = Program::start(&[("SATCHEL_MAX_CONNECTIONS_PER_CLIENT", "3")]);
    let mut busy: Vec<_> = (0..3).map(|at| program.begin_put(&format!("u/{at}"), 5, 4)).collect();
    program.has_read();
    assert_eq!(status(&mut program.connect()), 503);
    busy.iter_mut().for_each(|stream| stream.write_all(b"a").unwrap());
    assert!(busy.iter_mut().all(|stream| status(stream) == 201));
}

#[test]
fn behind_a_named_proxy_the_client_counts_that_it_names() {
    let variables = [("SATCHEL_MAX_CONNECTIONS_PER_CLIENT", "2"), ("SATCHEL_TRUSTED_PROXIES", "127.0.0.1")];
    let program = Program::start(&variables);
    let paths = std::cell::Cell::new(0);
    let begin = |client: &str| {
        let path = format!("u/{}", paths.replace(paths.get() + 1));
        program.begin_put_with(&format!("X-Forwarded-For: {client}\r\n"), &path, 5, 4)
    };
    let held: Vec<_> = ["192.0.2.1", "192.0.2.1", "192.0.2.2"].into_iter().map(begin).collect();
    program.has_read();
    assert_eq!(status(&mut begin("192.0.2.1")), 429);
    let mut other = begin("192.0.2.2");
    other.write_all(b"5").unwrap();
    assert_eq!(status(&mut other), 201);
    drop(held);
}

#[test]
fn a_download_is_under_way_until_its_last_byte() {
    let variables = [("SATCHEL_MAX_CONNECTIONS_PER_CLIENT", "2"), ("SATCHEL_TRUSTED_PROXIES", "127.0.0.1")];
    let program = Program::start(&variables);
    // More than sockets hold.
    assert_eq!(program.put("u/large", 40_000_000), 201);
    let begin = || {
        let mut stream = program.connect();
        let head = "GET /upload/u/large HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\nConnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        let mut start = [0; 12];
        stream.read_exact(&mut start).unwrap();
        (stream, start)
    };
    let [mut first, second] = [begin(), begin()];
    assert_eq!([&first.1, &second.1], [b"HTTP/1.1 200"; 2]);
    assert_eq!(&begin().1, b"HTTP/1.1 429");
    std::io::copy(&mut first.0, &mut std::io::sink()).unwrap();
    // Its place is free a moment after its end has been seen.
    while &begin().1 != b"HTTP/1.1 200" {
        std::thread::yield_now();
    }
}

//! Memory does not grow with what clients send, nor with how long they take.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use crate::process::{Program, status};

const MIB: usize = 1024 * 1024;
/// KiB for the whole process, and for each connection.
const ALLOWED: (usize, usize) = (64 * 1024, 64);

fn assert_modest(program: &Program, connections: usize, load: &str) {
    let (peak, allowed) = (program.peak(), ALLOWED.0 + connections * ALLOWED.1);
    assert!(peak < allowed, "{load}: {peak} KiB at the peak, {allowed} allowed");
}

fn program() -> Program {
    Program::start(&[("SATCHEL_MAX_CONNECTIONS_PER_CLIENT", "1000")])
}

/// Bodies that a function would get: all but the last byte, then the last.
fn withheld(connections: usize, size: usize) {
    let program = program();
    let mut streams: Vec<TcpStream> = (0..connections).map(|_| program.begin_put("u/a", size, size - 1)).collect();
    program.has_read();
    assert_modest(&program, connections, "the last byte is withheld");
    streams.iter_mut().for_each(|stream| stream.write_all(b"a").unwrap());
    let statuses: Vec<_> = streams.iter_mut().map(status).collect();
    assert!(statuses.iter().all(|status| *status == 201), "all are one upload: {statuses:?}");
    assert_modest(&program, connections, "all bodies are complete at once");
}

#[test]
fn small_bodies_that_wait_for_their_last_byte_take_their_own_size() {
    withheld(400, 64 * 1024);
}

// A MiB instead of the 4.4 that a function takes, so that the disk has less to do; the unmended program had all of it in
// memory, six times what is allowed.
#[test]
fn bodies_that_wait_for_their_last_byte_take_no_memory() {
    withheld(400, MIB);
}

#[test]
fn whole_bodies_that_come_at_once_are_stored_few_at_a_time() {
    let program = program();
    let size = 4 * MIB;
    let mut streams: Vec<TcpStream> = (0..32).map(|at| program.begin_put(&format!("u/{at}"), size, size - 1)).collect();
    streams.iter_mut().for_each(|stream| stream.write_all(b"a").unwrap());
    assert!(streams.iter_mut().all(|stream| status(stream) == 201));
    assert_modest(&program, streams.len(), "32 of 4 MiB");
}

// Announced as 100 MiB and held after 4 of them: what is in memory then is what would be after more.
#[test]
fn large_uploads_take_what_is_on_its_way() {
    let program = program();
    let size = 100 * MIB;
    let streams: Vec<TcpStream> = (0..64).map(|at| program.begin_put(&format!("u/{at}"), size, 4 * MIB)).collect();
    program.has_read();
    assert_modest(&program, streams.len(), "64 of 100 MiB");
    assert_eq!(program.put("u/small", 5), 201);
}

#[test]
fn downloads_that_are_taken_slowly_or_at_once_take_little() {
    let program = program();
    // More than sockets hold.
    assert_eq!(program.put("u/large", 40_000_000), 201);
    let begin = |_| {
        let mut stream = program.connect();
        stream.write_all(b"GET /upload/u/large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut start = [0; 12];
        stream.read_exact(&mut start).unwrap();
        assert_eq!(&start, b"HTTP/1.1 200");
        stream
    };
    let streams: Vec<TcpStream> = (0..64).map(begin).collect();
    assert_modest(&program, 0, "64 that nobody takes");
    std::thread::scope(|scope| {
        for mut stream in streams {
            scope.spawn(move || std::io::copy(&mut stream, &mut std::io::sink()).unwrap());
        }
    });
    assert_modest(&program, 0, "64 at once");
}

//! A disk that is full: uploads are refused in words, all else goes on, and so do uploads once there is room.

use std::{
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::Command,
};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tempfile::TempDir;

use crate::process::{Program, SECRET};

const MIB: u64 = 1024 * 1024;
const DELETE_SECRET: &str = "it-deletes";

/// A small file system of its own, in memory, which needs root to be made.
struct Mounted(PathBuf);

impl Mounted {
    fn at(path: &Path, mebibytes: u64) -> Self {
        fs::create_dir(path).unwrap();
        let size = format!("size={mebibytes}m,mode=0700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(path).status().unwrap();
        assert!(mounted.success(), "this test mounts a file system, so it runs as root");
        Self(path.to_owned())
    }

    /// Leaves so many bytes free.
    fn fill(&self, left: u64) {
        let system = rustix::fs::statvfs(&self.0).unwrap();
        let free = system.f_bavail * system.f_frsize;
        fs::write(self.0.join("filler"), vec![1; usize::try_from(free - left).unwrap()]).unwrap();
    }

    fn empty(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // The program may still have it open.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// The status, and the whole answer.
fn ask(program: &Program, method: &str, target: &str) -> (u16, String) {
    let mut stream = program.connect();
    let host = &program.address;
    write!(stream, "{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

fn delete(program: &Program, path: &str) -> u16 {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{path}\0{DELETE_SECRET}").as_bytes());
    let token = hex::encode(mac.finalize().into_bytes());
    ask(program, "DELETE", &format!("/upload/{path}?token={token}")).0
}

fn program(place: TempDir) -> Program {
    let variables = [("SATCHEL_MIN_FREE_BYTES", "4194304"), ("SATCHEL_METRONOME_DELETE_SECRET", DELETE_SECRET)];
    Program::start_in(place, "", &variables)
}

#[test]
fn a_full_disk_refuses_uploads_alone_and_until_there_is_room() {
    let place = tempfile::tempdir().unwrap();
    let disk = Mounted::at(&place.path().join("data"), 64);
    let program = program(place);
    for (path, size) in [("u/small", 1_000), ("u/large", 3_000_000)] {
        assert_eq!(program.put(path, size), 201, "{path}");
    }
    disk.fill(4 * MIB - 1);
    for (n, size) in [0, 1_000, 3_000_000, 6_000_000].into_iter().enumerate() {
        assert_eq!(program.put(&format!("u/refused-{n}"), size), 507, "{size} bytes");
    }
    assert_eq!(ask(&program, "GET", "/upload/u/large").0, 200);
    let (status, answer) = ask(&program, "GET", "/_satchel/health");
    assert_eq!(status, 503, "{answer}");
    let (_, metrics) = ask(&program, "GET", "/metrics");
    assert!(metrics.contains("satchel_storage_free_bytes"), "{metrics}");
    // Somebody takes the rest, too.
    disk.empty();
    assert_eq!(program.put("u/between", 1_000), 201);
    disk.fill(0);
    assert_eq!(delete(&program, "u/large"), 204);
    assert_eq!(ask(&program, "GET", "/upload/u/large").0, 404);
    disk.empty();
    assert_eq!(program.put("u/after", 3_000_000), 201);
    // A check is good for a second.
    while ask(&program, "GET", "/_satchel/health").0 != 200 {
        std::thread::yield_now();
    }
}

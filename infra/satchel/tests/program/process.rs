//! The program on free ports and a folder of its own, which end with the test.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tempfile::TempDir;

pub const BINARY: &str = env!("CARGO_BIN_EXE_satchel");
pub const SECRET: &str = "it-is-secret";
/// For what must happen at once, or the test hangs.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Program {
    child: Ending,
    pub address: String,
    folder: TempDir,
}

impl Program {
    pub fn start(variables: &[(&str, &str)]) -> Self {
        Self::start_with("", variables)
    }

    /// After a command of the shell's, such as `ulimit`.
    pub fn start_with(before: &str, variables: &[(&str, &str)]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), before, variables)
    }

    /// In a folder where something is already.
    pub fn start_in(folder: TempDir, before: &str, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(format!("{before}\nexec \"$0\" \"$@\"")).arg(BINARY);
        command.args(["--listen", "127.0.0.1:0", "--data"]).arg(folder.path().join("data"));
        command.env_clear().env("SATCHEL_UPLOAD_SECRETS", SECRET).envs(variables.iter().copied());
        let errors = File::create(folder.path().join("errors")).unwrap();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).spawn().unwrap();
        let address = address(&mut child);
        Self { child: Ending(child), address, folder }
    }

    /// Kills it; what it was started in stays.
    pub fn end(self) -> TempDir {
        drop(self.child);
        self.folder
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What it has written to standard error.
    pub fn errors(&self) -> String {
        fs::read_to_string(self.folder.path().join("errors")).unwrap()
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends a PUT's head and so much of its body.
    pub fn begin_put(&self, path: &str, size: usize, sent: usize) -> TcpStream {
        self.begin_put_with("", path, size, sent)
    }

    /// The same with further lines in its head.
    pub fn begin_put_with(&self, lines: &str, path: &str, size: usize, sent: usize) -> TcpStream {
        let mut stream = self.connect();
        let (target, host) = (v1(path, size), &self.address);
        let head = format!(
            "PUT {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{lines}Content-Length: {size}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&vec![b'a'; sent]).unwrap();
        stream
    }

    pub fn put(&self, path: &str, body: usize) -> u16 {
        status(&mut self.begin_put(path, body, body))
    }

    /// What a health check gets.
    pub fn health(&self) -> u16 {
        self.get("/_satchel/health")
    }

    pub fn get(&self, target: &str) -> u16 {
        let mut stream = self.connect();
        let host = &self.address;
        write!(stream, "GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
        status(&mut stream)
    }

    /// Returns once the program has read all that it was sent.
    pub fn has_read(&self) {
        let port = self.address.rsplit_once(':').unwrap().1.parse::<u16>().unwrap();
        let local = format!(":{port:04X}");
        let unread = || {
            let table = fs::read_to_string("/proc/net/tcp").unwrap();
            let mut sockets = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
            sockets.any(|socket| {
                let of = |ours: &str, queue: fn(&str) -> &str| ours.ends_with(&local) && queue(socket[4]) != "00000000";
                socket.len() > 4
                    && (of(socket[1], |queues| queues.split_once(':').unwrap_or_default().1)
                        || of(socket[2], |queues| queues.split_once(':').unwrap_or_default().0))
            })
        };
        // The system tells nobody.
        while unread() {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The most memory that it has had, in KiB.
    pub fn peak(&self) -> usize {
        self.field("status", "VmHWM:").parse().unwrap()
    }

    /// The first word after a name in one of the process's files.
    pub fn field(&self, file: &str, name: &str) -> String {
        let text = fs::read_to_string(Path::new("/proc").join(self.child.0.id().to_string()).join(file)).unwrap();
        let rest = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        rest.split_whitespace().next().unwrap().to_owned()
    }
}

/// A process that ends with its owner.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads the address off what it prints, and all that it prints later, too: it must not wait for us.
fn address(child: &mut Child) -> String {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = lines.find_map(|line| line.unwrap().strip_prefix("Satchel listens on http://").map(str::to_owned));
    thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    address.unwrap().trim_end_matches('/').to_owned()
}

/// The status of an answer to the last request of a connection.
pub fn status(stream: &mut TcpStream) -> u16 {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

fn v1(path: &str, size: usize) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{path} {size}").as_bytes());
    format!("/upload/{path}?v={}", hex::encode(mac.finalize().into_bytes()))
}

//! Requests as the programs read them that make them, written before the clock starts.

use std::{
    fmt::Write,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::peers::Peer;

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where the peer listens: scheme, host and port.
    base: String,
    /// Path and query.
    target: String,
    host: String,
    /// The header line that allows it, where the query does not.
    allowing: Option<String>,
    /// Bytes of the file: sent, or to come.
    pub bytes: u64,
    /// Whether it stores the file.
    pub puts: bool,
}

impl Request {
    /// The storing of a file.
    pub fn put(peer: &Peer, name: &str, bytes: u64) -> Self {
        let target = peer.target(name) + &peer.query(name, bytes);
        Self { target, allowing: peer.allowing(name, bytes), puts: true, ..Self::get(peer, name, bytes) }
    }

    /// The reading of a file.
    pub fn get(peer: &Peer, name: &str, bytes: u64) -> Self {
        let (base, host) = (format!("http://{}", peer.address()), peer.host());
        Self { base, target: peer.target(name), host, allowing: None, bytes, puts: false }
    }

    /// What it is answered with.
    pub fn status(&self) -> u16 {
        if self.puts { 201 } else { 200 }
    }

    /// Its head in a line, as `wrk.lua` reads it.
    pub fn line(&self) -> String {
        let Self { target, host, bytes, .. } = self;
        let (method, length) =
            if self.puts { ("PUT", format!("\tContent-Length: {bytes}")) } else { ("GET", String::new()) };
        let allowing = self.allowing.iter().map(|line| format!("\t{line}")).collect::<String>();
        format!("{method} {target} HTTP/1.1\tHost: {host}{length}{allowing}\n")
    }

    /// As a file of curl's options has it. Its body is taken from a file in `folder`.
    ///
    /// # Errors
    /// There is no such file, and none can be made.
    pub fn options(&self, folder: &Path) -> io::Result<String> {
        let Self { base, target, host, .. } = self;
        let mut options = format!("url = \"{base}{target}\"\nheader = \"Host: {host}\"\noutput = \"/dev/null\"\n");
        if self.puts {
            // curl would wait for a 100 otherwise.
            let body = body(folder, self.bytes)?;
            let _ = write!(options, "upload-file = \"{}\"\nheader = \"Expect:\"\n", body.display());
        }
        if let Some(line) = &self.allowing {
            let _ = writeln!(options, "header = \"{line}\"");
        }
        Ok(options)
    }
}

/// A file of so many zeros, which takes no room.
fn body(folder: &Path, bytes: u64) -> io::Result<PathBuf> {
    let file = folder.join(format!("body-{bytes}"));
    if !fs::exists(&file)? {
        File::create(&file)?.set_len(bytes)?;
    }
    Ok(file)
}

#[cfg(test)]
impl Request {
    /// One that no peer is asked.
    pub fn example(puts: bool, bytes: u64) -> Self {
        let (base, target, host) = ("http://127.0.0.1:1".to_owned(), "/a?v=b".to_owned(), "example.org".to_owned());
        Self { base, target, host, allowing: puts.then(|| "Authorization: c".to_owned()), bytes, puts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrk_gets_a_head_in_a_line() {
        assert_eq!(Request::example(false, 7).line(), "GET /a?v=b HTTP/1.1\tHost: example.org\n");
        let put = "PUT /a?v=b HTTP/1.1\tHost: example.org\tContent-Length: 7\tAuthorization: c\n";
        assert_eq!(Request::example(true, 7).line(), put);
    }

    #[test]
    fn curl_sends_a_file_of_the_size_that_is_announced() {
        let folder = tempfile::tempdir().unwrap();
        let options = Request::example(true, 7).options(folder.path()).unwrap();
        let body = folder.path().join("body-7");
        assert!(options.contains(&format!("upload-file = \"{}\"\n", body.display())));
        assert!(options.contains("header = \"Authorization: c\"\n"));
        assert_eq!(fs::read(body).unwrap(), [0; 7]);
        assert!(!Request::example(false, 7).options(folder.path()).unwrap().contains("upload-file"));
    }
}

//! Unix sockets in the file system: bound without taking one that is in use, and removed at the end.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixSocket, UnixStream};

/// For owner and group: the group is the reverse proxy's.
const MODE: u32 = 0o660;
/// For the owner alone, and root.
const PRIVATE_MODE: u32 = 0o600;
const ROOT: u32 = 0;
/// Connections that may wait to be accepted, as many as tokio's TCP listener lets wait.
const BACKLOG: u32 = 1024;
/// Bytes of the longest path: `sun_path` without its last one (unix(7)).
const LONGEST_PATH: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// A listening Unix socket. Dropped, it removes its file first: whoever finds the file finds somebody listening.
#[derive(Debug)]
pub struct UnixSocketFile {
    file: SocketFile,
    listener: UnixListener,
    /// The user whose processes alone are let in, besides root's.
    only: Option<u32>,
    /// What its path goes through.
    _folder: Option<File>,
}

impl UnixSocketFile {
    pub(crate) async fn bind(path: &Path) -> io::Result<Self> {
        Self::bind_with(path, MODE).await
    }

    /// The same for processes of this user and root's, however long the path is.
    pub(crate) async fn bind_private(path: &Path) -> io::Result<Self> {
        let (path, folder) = within_reach(path)?;
        let socket = Self::bind_with(&path, PRIVATE_MODE).await?;
        // Whoever owns the file is who made it: this process.
        let only = Some(fs::symlink_metadata(&path)?.uid());
        Ok(Self { only, _folder: folder, ..socket })
    }

    async fn bind_with(path: &Path, mode: u32) -> io::Result<Self> {
        // Of two that start at once, neither may take the other's new socket for a stale one. The lock goes with the
        // handle.
        let folder = File::open(path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new(".")))?;
        folder.lock()?;
        make_room(path).await?;
        let socket = UnixSocket::new_stream()?;
        socket.bind(path).map_err(explain)?;
        let file = SocketFile::of(path)?;
        // Nobody can connect before listen.
        fs::set_permissions(path, Permissions::from_mode(mode))?;
        Ok(Self { file, listener: socket.listen(BACKLOG)?, only: None, _folder: None })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.file.path
    }

    pub(crate) async fn accept(&self) -> io::Result<UnixStream> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            let Some(owner) = self.only else { return Ok(stream) };
            // Others hear that the connection has ended.
            if stream.peer_cred().is_ok_and(|peer| is_let_in(peer.uid(), owner)) {
                return Ok(stream);
            }
        }
    }
}

fn is_let_in(user: u32, owner: u32) -> bool {
    user == owner || user == ROOT
}

/// Connects to a socket, however long its path is.
///
/// # Errors
/// What the system says: there is none, nobody listens on it, it is for others.
pub async fn connect_private(path: &Path) -> io::Result<UnixStream> {
    let (path, _folder) = within_reach(path)?;
    UnixStream::connect(path).await
}

/// A path that an address has room for, and the folder that must stay open as long as it is used: Linux knows the folder
/// by its descriptor, too.
fn within_reach(path: &Path) -> io::Result<(PathBuf, Option<File>)> {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if cfg!(target_os = "linux") && path.as_os_str().len() > LONGEST_PATH => {
            let folder = File::open(parent)?;
            let place = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
            Ok((place.join(name), Some(folder)))
        }
        _ => Ok((path.to_owned(), None)),
    }
}

/// The system's own words for a path that is too long name a C constant.
fn explain(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::InvalidInput => {
            io::Error::new(error.kind(), format!("a socket's path has at most {LONGEST_PATH} bytes, and no zero byte"))
        }
        _ => error,
    }
}

/// Removes a socket that a process has left behind.
async fn make_room(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(ErrorKind::AlreadyExists, "there is a file of this name that is no socket"));
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        // Its queue is full.
        Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
        _ => Err(io::Error::new(ErrorKind::AddrInUse, "another process listens on it")),
    }
}

/// The file of a socket, known by its inode: another process may have put its own in this place.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    inode: (u64, u64),
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), inode: inode(path)? })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if inode(&self.path).is_ok_and(|found| found == self.inode) {
            // The next start would take it for stale, and replace it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn inode(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn place() -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.sock");
        (folder, path)
    }

    /// What a process leaves behind that is killed.
    fn stale(path: &Path) {
        drop(std::os::unix::net::UnixListener::bind(path).unwrap());
        assert!(path.exists());
    }

    #[tokio::test]
    async fn a_socket_is_for_owner_and_group_and_goes_with_its_listener() {
        let (_folder, path) = place();
        let socket = UnixSocketFile::bind(&path).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o660);
        UnixStream::connect(&path).await.unwrap();
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_private_socket_is_for_its_owner_and_root_however_long_its_path() {
        let (folder, short) = place();
        let long = folder.path().join("a".repeat(100)).join("b".repeat(100)).join("control.sock");
        fs::create_dir_all(long.parent().unwrap()).unwrap();
        for path in [short, long] {
            let (reached, _folder) = within_reach(&path).unwrap();
            stale(&reached);
            let socket = UnixSocketFile::bind_private(&path).await.unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
            let (accepted, connected) = tokio::join!(socket.accept(), connect_private(&path));
            assert!(accepted.is_ok() && connected.is_ok());
            drop(socket);
            assert!(!path.exists());
        }
        for (user, owner, let_in) in [(1_000, 1_000, true), (0, 1_000, true), (1_001, 1_000, false), (1_000, 0, false)]
        {
            assert_eq!(is_let_in(user, owner), let_in, "{user} at {owner}'s");
        }
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced() {
        let (_folder, path) = place();
        stale(&path);
        let socket = UnixSocketFile::bind(&path).await.unwrap();
        UnixStream::connect(&path).await.unwrap();
        drop(socket);
    }

    #[tokio::test]
    async fn a_socket_in_use_is_left_alone() {
        let (_folder, path) = place();
        let first = UnixSocketFile::bind(&path).await.unwrap();
        assert_eq!(UnixSocketFile::bind(&path).await.unwrap_err().kind(), ErrorKind::AddrInUse);
        UnixStream::connect(&path).await.unwrap();
        drop(first);
    }

    #[tokio::test]
    async fn what_is_no_socket_is_left_alone() {
        let (folder, path) = place();
        fs::write(&path, "precious").unwrap();
        assert_eq!(UnixSocketFile::bind(&path).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        let link = folder.path().join("link.sock");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert_eq!(UnixSocketFile::bind(&link).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[tokio::test]
    async fn a_path_that_is_too_long_or_in_no_folder_is_refused() {
        let (folder, _) = place();
        let room = LONGEST_PATH - folder.path().as_os_str().len() - "/".len();
        for (name, kind) in [
            ("a".repeat(room), None),
            ("a".repeat(room + 1), Some(ErrorKind::InvalidInput)),
            ("a".repeat(200), Some(ErrorKind::InvalidInput)),
            ("none/gateway.sock".to_owned(), Some(ErrorKind::NotFound)),
        ] {
            let path = folder.path().join(name);
            let bound = UnixSocketFile::bind(&path).await;
            assert_eq!(bound.as_ref().err().map(io::Error::kind), kind, "{}", path.display());
            assert_eq!(path.exists(), bound.is_ok());
        }
    }

    #[tokio::test]
    async fn a_successors_socket_is_not_removed() {
        let (_folder, path) = place();
        let first = UnixSocketFile::bind(&path).await.unwrap();
        fs::remove_file(&path).unwrap();
        let second = UnixSocketFile::bind(&path).await.unwrap();
        drop(first);
        UnixStream::connect(&path).await.unwrap();
        drop(second);
    }

    #[test]
    fn of_many_that_start_on_a_stale_socket_one_wins() {
        for _ in 0..20 {
            let (_folder, path) = place();
            stale(&path);
            let starts: Vec<_> = (0..8)
                .map(|_| {
                    let path = path.clone();
                    std::thread::spawn(move || {
                        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
                        runtime.block_on(UnixSocketFile::bind(&path)).map(|socket| (runtime, socket))
                    })
                })
                .collect();
            let outcomes: Vec<_> = starts.into_iter().map(|start| start.join().unwrap()).collect();
            assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        }
    }
}

//! Where a server listens and who connects to it: a TCP address, or a Unix socket.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

use crate::unix::UnixSocketFile;

/// What a Unix socket's path comes after.
const UNIX: &str = "unix:";

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// An address and port; port 0 takes a free one.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

/// Neither an address with a port nor `unix:` and a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither an IP address with a port, such as 127.0.0.1:8080, nor unix: and a path")]
pub struct AddressError;

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text.strip_prefix(UNIX) {
            Some("") => Err(AddressError),
            Some(path) => Ok(Self::Unix(path.into())),
            None => text.parse().map(Self::Tcp).map_err(|_| AddressError),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

impl Address {
    /// Binds it. A Unix socket gets permissions 0660, takes the place of one that nobody listens on any more, and is
    /// removed once the listener is dropped.
    ///
    /// # Errors
    /// What the system says: in use, not this machine's, no such folder.
    pub async fn bind(&self) -> io::Result<Listener> {
        match self {
            Self::Tcp(address) => TcpListener::bind(address).await.map(Listener::Tcp),
            Self::Unix(path) => UnixSocketFile::bind(path).await.map(Listener::Unix),
        }
    }
}

/// A bound address. Connections wait in the system's queue until they are served.
#[derive(Debug)]
pub enum Listener {
    /// On TCP.
    Tcp(TcpListener),
    /// On a Unix socket.
    Unix(UnixSocketFile),
}

impl Listener {
    /// Binds a Unix socket for processes of this user and root's alone, 0600, at a path of any length. It takes the place of
    /// one that nobody listens on any more, and is removed once the listener is dropped.
    ///
    /// # Errors
    /// What the system says: in use, no such folder, no sockets there.
    pub async fn private(path: &Path) -> io::Result<Self> {
        UnixSocketFile::bind_private(path).await.map(Self::Unix)
    }

    /// The address it is bound to, with the port that port 0 has become.
    ///
    /// # Errors
    /// What the system says.
    pub fn address(&self) -> io::Result<Address> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Address::Tcp),
            Self::Unix(socket) => Ok(Address::Unix(socket.path().to_owned())),
        }
    }

    pub(crate) async fn accept(&self) -> io::Result<(Connection, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Small answers must not wait for the peer's acknowledgement; a socket that refuses is still usable.
                let _ = stream.set_nodelay(true);
                Ok((Box::new(stream), Peer::Ip(peer.ip().to_canonical())))
            }
            Self::Unix(socket) => Ok((Box::new(socket.accept().await?), Peer::Unix)),
        }
    }
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// The host of this address; an IPv4 address is never one mapped to IPv6.
    Ip(IpAddr),
    /// A process of this machine.
    Unix,
}

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

pub(crate) type Connection = Box<dyn Stream>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_tcp_or_unix() {
        for text in ["127.0.0.1:8080", "[::1]:0", "unix:/run/satchel/gateway.sock", "unix:gateway.sock"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for text in ["", "unix:", "unix", "/run/gateway.sock", "127.0.0.1", "localhost:8080", "127.0.0.1:65536"] {
            assert_eq!(text.parse::<Address>(), Err(AddressError), "{text}");
        }
    }
}

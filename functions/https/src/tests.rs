//! Handshakes with servers that have every algorithm there is, and certificates of each kind that authorities issue. The
//! keys in `peers/` are nobody's: they are for these tests alone.

use std::sync::Arc;

use rustls::{
    ALL_VERSIONS, ServerConfig, SupportedProtocolVersion,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::*;

struct Peer {
    name: &'static str,
    certificate: &'static [u8],
    key: &'static [u8],
}

macro_rules! peer {
    ($name:literal) => {
        Peer {
            name: $name,
            certificate: include_bytes!(concat!("peers/", $name, ".crt.pem")),
            key: include_bytes!(concat!("peers/", $name, ".key.pem")),
        }
    };
}

const PEERS: [Peer; 3] = [peer!("rsa"), peer!("p256"), peer!("p384")];

impl Peer {
    fn certificate(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate).unwrap()
    }

    /// Answers one request; gives its port.
    async fn serve(&self, versions: &[&'static SupportedProtocolVersion]) -> u16 {
        let key = PrivateKeyDer::from_pem_slice(self.key).unwrap();
        let config = ServerConfig::builder_with_provider(default_provider().into());
        let config = config.with_protocol_versions(versions).unwrap().with_no_client_auth();
        let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(vec![self.certificate()], key).unwrap()));
        let listener = TcpListener::bind(("localhost", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            // Fails where the client does not trust it.
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.unwrap());
            }
            let version = format!("{:?}", stream.get_ref().1.protocol_version().unwrap());
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", version.len());
            stream.write_all((head + &version).as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        });
        port
    }
}

/// What the server says of the connection.
async fn get(port: u16, trusted: &Peer) -> Result<Bytes, HttpsError> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.certificate()).unwrap();
    let connector = Connector::new(CONNECT_TIMEOUT, PATIENCE, tls(provider(), roots).unwrap());
    let client = HttpsClient::new(true);
    client.client.set(Client::builder(TokioExecutor::new()).build(connector)).unwrap();
    let request = Request::get(format!("https://localhost:{port}/")).body(Full::default()).unwrap();
    client.send(request, PATIENCE).await.map(Response::into_body)
}

#[tokio::test]
async fn every_kind_of_certificate_is_understood() {
    for peer in PEERS {
        let said = get(peer.serve(ALL_VERSIONS).await, &peer).await;
        assert_eq!(said.unwrap(), "TLSv1_3", "{}", peer.name);
    }
}

#[tokio::test]
async fn strangers_are_not_trusted() {
    let [rsa, p256, p384] = PEERS;
    for (peer, trusted) in [(&rsa, &p256), (&p256, &p384), (&p384, &rsa)] {
        let refused = get(peer.serve(ALL_VERSIONS).await, trusted).await.unwrap_err();
        assert!(refused.to_string().contains("certificate"), "{}: {refused}", peer.name);
    }
}

#[cfg(feature = "tls12")]
#[tokio::test]
async fn peers_that_are_older_are_understood_where_that_is_asked_for() {
    for peer in PEERS {
        let said = get(peer.serve(&[&rustls::version::TLS12]).await, &peer).await;
        assert_eq!(said.unwrap(), "TLSv1_2", "{}", peer.name);
    }
}

/// It takes the connection and says nothing.
#[tokio::test]
async fn a_handshake_that_never_ends_is_given_up() {
    let mute = TcpListener::bind(("localhost", 0)).await.unwrap();
    let port = mute.local_addr().unwrap().port();
    let connector =
        Connector::new(Duration::from_millis(50), PATIENCE, tls(provider(), RootCertStore::empty()).unwrap());
    let client = HttpsClient::new(true);
    client.client.set(Client::builder(TokioExecutor::new()).build(connector)).unwrap();
    let request = Request::get(format!("https://localhost:{port}/")).body(Full::default()).unwrap();
    let given_up = client.send(request, PATIENCE).await.unwrap_err();
    assert!(given_up.to_string().contains("no connection within"), "{given_up}");
}

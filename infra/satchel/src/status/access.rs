//! Who may see the status page and the metrics: whoever sits at this machine, or has the credentials that were set.

use std::net::IpAddr;

use http::{
    HeaderMap, HeaderName,
    header::{AUTHORIZATION, FORWARDED, HOST, VIA},
};
use satchel_core::basic::Callers;
use url::{Host, Url};

/// Somebody else's request, though it comes from this machine: a reverse proxy's.
const PASSED_ON: [HeaderName; 5] = [
    FORWARDED,
    VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-real-ip"),
];

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// From elsewhere, or by a name that is not this machine's own.
    #[error(
        "this page is for the machine that Satchel runs on, at http://127.0.0.1 or http://localhost; \
         set SATCHEL_STATUS_CREDENTIALS to see it from elsewhere"
    )]
    NotLocal,
    /// Without the credentials.
    #[error("this page takes the credentials of SATCHEL_STATUS_CREDENTIALS (HTTP authentication, Basic)")]
    Unauthorized,
}

/// Decides about a request. `peer` is who connected, where that is an IP address.
///
/// The Host header must name this machine: a page that a browser shows may have a name of its own resolve to
/// 127.0.0.1, but cannot choose another Host (DNS rebinding).
///
/// # Errors
/// See [`AccessError`].
pub fn admit(peer: Option<IpAddr>, headers: &HeaderMap, callers: Option<&Callers>) -> Result<(), AccessError> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(callers) = callers {
        let admitted = callers.admit_header(text(AUTHORIZATION));
        return admitted.then_some(()).ok_or(AccessError::Unauthorized);
    }
    let here = peer.is_some_and(|peer| peer.to_canonical().is_loopback());
    let passed_on = PASSED_ON.iter().any(|name| headers.contains_key(name));
    let named = headers.get_all(HOST).iter().count() == 1 && text(HOST).is_some_and(is_this_machine);
    (here && named && !passed_on).then_some(()).ok_or(AccessError::NotLocal)
}

fn is_this_machine(host: &str) -> bool {
    let url = Url::parse(&format!("http://{host}/")).ok().filter(|url| url.path() == "/" && url.username().is_empty());
    match url.as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(peer: &str, headers: &[(&str, &str)], callers: Option<&str>) -> Result<(), AccessError> {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let callers = callers.map(|lines| Callers::pairs(lines).unwrap());
        admit(peer.parse().ok(), &headers, callers.as_ref())
    }

    #[test]
    fn without_credentials_the_page_is_for_this_machine_alone() {
        for (peer, headers, expected) in [
            ("127.0.0.1", vec![("host", "127.0.0.1:8080")], true),
            ("127.9.9.9", vec![("host", "LOCALHOST")], true),
            ("::1", vec![("host", "[::1]:8080")], true),
            ("::ffff:127.0.0.1", vec![("host", "satchel.localhost:8080")], true),
            ("192.0.2.1", vec![("host", "127.0.0.1:8080")], false),
            ("a unix socket", vec![("host", "localhost")], false),
            ("127.0.0.1", vec![], false),
            ("127.0.0.1", vec![("host", "localhost"), ("host", "files.example.org")], false),
            ("127.0.0.1", vec![("host", "files.example.org")], false),
            ("127.0.0.1", vec![("host", "localhost.example.org")], false),
            ("127.0.0.1", vec![("host", "notlocalhost")], false),
            ("127.0.0.1", vec![("host", "evil.example/@localhost")], false),
            ("127.0.0.1", vec![("host", "user@localhost")], false),
            ("127.0.0.1", vec![("host", "localhost"), ("x-forwarded-for", "192.0.2.1")], false),
            ("127.0.0.1", vec![("host", "localhost"), ("x-forwarded-host", "a")], false),
            ("127.0.0.1", vec![("host", "localhost"), ("x-real-ip", "192.0.2.1")], false),
            ("127.0.0.1", vec![("host", "localhost"), ("forwarded", "for=192.0.2.1")], false),
            ("127.0.0.1", vec![("host", "localhost"), ("via", "1.1 proxy")], false),
        ] {
            let decision = if expected { Ok(()) } else { Err(AccessError::NotLocal) };
            assert_eq!(admitted(peer, &headers, None), decision, "{peer} {headers:?}");
        }
    }

    #[test]
    fn with_credentials_the_page_is_for_those_who_have_them() {
        let (good, bad) = ("Basic YWRtaW46aHVudGVyMg==", "Basic YWRtaW46aHVudGVyMw==");
        for (peer, headers, decision) in [
            ("192.0.2.1", vec![("host", "files.example.org"), ("authorization", good)], Ok(())),
            ("127.0.0.1", vec![("x-forwarded-for", "192.0.2.1"), ("authorization", good)], Ok(())),
            ("127.0.0.1", vec![("host", "localhost")], Err(AccessError::Unauthorized)),
            ("127.0.0.1", vec![("host", "localhost"), ("authorization", bad)], Err(AccessError::Unauthorized)),
        ] {
            assert_eq!(admitted(peer, &headers, Some("admin:hunter2")), decision, "{peer} {headers:?}");
        }
    }
}

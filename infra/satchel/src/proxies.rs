//! Who a request comes from, and by which scheme: what reverse proxies say of it counts where the proxy is trusted.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use http::{HeaderMap, HeaderName, HeaderValue, header::FORWARDED, request::Parts};
use ipnet::IpNet;
use satchel_core::config::{ConfigError, ConfigProblem};
use satchel_listener::Peer;

/// The variable that names them.
const VARIABLE: &str = "SATCHEL_TRUSTED_PROXIES";
/// How it names whoever connects to the Unix socket.
const UNIX: &str = "unix";
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");

/// The bits before the IPv4 address in one that is mapped to IPv6.
const MAPPED: u8 = 96;

/// The reverse proxies whose word counts.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    unix: bool,
}

/// Where a request comes from, as far as that can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client(Peer);

impl Client {
    /// Its IP address, unless it is a process of this machine behind a Unix socket.
    pub fn address(self) -> Option<IpAddr> {
        match self.0 {
            Peer::Ip(address) => Some(address),
            Peer::Unix => None,
        }
    }
}

impl From<Peer> for Client {
    fn from(peer: Peer) -> Self {
        Self(peer)
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address() {
            Some(address) => address.fmt(f),
            None => f.write_str(UNIX),
        }
    }
}

impl TrustedProxies {
    /// Reads `SATCHEL_TRUSTED_PROXIES`: addresses, networks such as `10.0.0.0/8`, and `unix`, separated by commas or
    /// spaces.
    ///
    /// # Errors
    /// Something else.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut proxies = Self::default();
        for proxy in text.split([',', ' ', '\t', '\n']).filter(|proxy| !proxy.is_empty()) {
            match network(proxy) {
                Some(network) => proxies.networks.push(network),
                None if proxy == UNIX => proxies.unix = true,
                None => {
                    let problem = format!("{proxy} is neither an IP address or network nor {UNIX}");
                    return Err(ConfigError(vec![ConfigProblem { name: VARIABLE, problem }]));
                }
            }
        }
        Ok(proxies)
    }

    /// Finds the client of a request that `peer` sent. Afterwards `X-Forwarded-For` and `X-Forwarded-Proto` say what
    /// can be believed, and there is no other header of this kind: proxies pass on what clients write into those that
    /// they do not set themselves.
    pub fn settle(&self, peer: Peer, parts: &mut Parts) -> Client {
        let headers = &mut parts.headers;
        let trusted = self.trust(peer);
        let client = if trusted { self.client(peer, headers) } else { Client(peer) };
        let https = trusted && last(headers, &FORWARDED_PROTO).is_some_and(|proto| proto.eq_ignore_ascii_case("https"));
        for name in [FORWARDED, FORWARDED_FOR, FORWARDED_PROTO, FORWARDED_HOST, FORWARDED_PORT] {
            headers.remove(name);
        }
        headers.insert(FORWARDED_PROTO, HeaderValue::from_static(if https { "https" } else { "http" }));
        if let Some(Ok(address)) = client.address().map(|address| HeaderValue::from_str(&address.to_string())) {
            headers.insert(FORWARDED_FOR, address);
        }
        client
    }

    /// The last address that is no trusted proxy's: each has appended its own peer's, and what the client has written
    /// itself comes before them all.
    fn client(&self, peer: Peer, headers: &HeaderMap) -> Client {
        let mut client = peer;
        let lines = headers.get_all(FORWARDED_FOR).iter().rev().map(|line| line.to_str().unwrap_or_default());
        for hop in lines.flat_map(|line| line.rsplit(',')) {
            let Some(address) = hop_address(hop.trim()) else { break };
            client = Peer::Ip(address);
            if !self.trust(client) {
                break;
            }
        }
        Client(client)
    }

    /// Whether a peer is named.
    #[must_use]
    pub fn trust(&self, peer: Peer) -> bool {
        match peer {
            Peer::Ip(address) => self.networks.iter().any(|network| network.contains(&address)),
            Peer::Unix => self.unix,
        }
    }
}

/// What the nearest proxy has written.
fn last<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let line = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    line.rsplit(',').next().map(str::trim)
}

/// Some proxies name the port, too.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse().or_else(|_| hop.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

/// Reads an address or a network. IPv4 addresses are never those mapped to IPv6, as those of peers. Addresses are read by
/// the standard library, as ipnet would take 010.0.0.0 for 10.0.0.0, which is 8.0.0.0 to others.
fn network(text: &str) -> Option<IpNet> {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let address: IpAddr = address.parse().ok()?;
    let network = bits.map_or(Some(address.into()), |bits| IpNet::new(address, bits.parse().ok()?).ok())?;
    match (address.to_canonical(), network.prefix_len().checked_sub(MAPPED)) {
        (mapped @ IpAddr::V4(_), Some(bits)) => IpNet::new(mapped, bits).ok(),
        _ => Some(network),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The client, and `X-Forwarded-For` and `X-Forwarded-Proto` as they are afterwards.
    fn settled(trusted: &str, peer: &str, headers: &[(&str, &str)]) -> (String, [String; 2]) {
        let request = http::Request::builder().header("host", "own.example");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let peer = peer.parse().map_or(Peer::Unix, Peer::Ip);
        let client = TrustedProxies::parse(trusted).unwrap().settle(peer, &mut parts);
        for name in [FORWARDED, FORWARDED_HOST, FORWARDED_PORT] {
            assert!(!parts.headers.contains_key(name));
        }
        assert_eq!(parts.headers["host"], "own.example");
        let text = |name: HeaderName| {
            let lines: Vec<_> = parts.headers.get_all(name).iter().map(|line| line.to_str().unwrap()).collect();
            lines.join(" and ")
        };
        (client.to_string(), [FORWARDED_FOR, FORWARDED_PROTO].map(text))
    }

    fn client(trusted: &str, peer: &str, forwarded_for: &[&str]) -> String {
        let headers: Vec<_> = forwarded_for.iter().map(|line| ("x-forwarded-for", *line)).collect();
        settled(trusted, peer, &headers).0
    }

    const ALL: [(&str, &str); 5] = [
        ("x-forwarded-for", "198.51.100.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "files.example"),
        ("x-forwarded-port", "443"),
        ("forwarded", "for=198.51.100.7;proto=https;host=files.example"),
    ];

    #[test]
    fn a_trusted_proxys_word_counts_and_nobody_elses() {
        let believed = ["198.51.100.7", "https"].map(String::from);
        let ignored = |peer: &str| [peer, "http"].map(String::from);
        for (trusted, peer) in
            [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("10.0.0.0/8", "10.9.8.7"), ("unix", "unix")]
        {
            assert_eq!(settled(trusted, peer, &ALL), ("198.51.100.7".into(), believed.clone()), "{trusted}");
        }
        for (trusted, peer) in [
            ("", "127.0.0.1"),
            ("", "unix"),
            ("127.0.0.1", "unix"),
            ("127.0.0.1", "127.0.0.2"),
            ("unix", "127.0.0.1"),
            ("10.0.0.0/8", "11.0.0.1"),
            ("0.0.0.0/0", "::1"),
        ] {
            let address = if peer == "unix" { "" } else { peer };
            assert_eq!(settled(trusted, peer, &ALL), (peer.into(), ignored(address)), "{trusted}, {peer}");
        }
    }

    #[test]
    fn the_client_is_the_last_address_that_is_no_trusted_proxys() {
        for (name, forwarded_for, expected) in [
            ("nobody named", &[][..], "10.0.0.1"),
            ("one", &["192.0.2.1"], "192.0.2.1"),
            ("spoofed before", &["203.0.113.9, 192.0.2.1"], "192.0.2.1"),
            ("behind another proxy", &["203.0.113.9, 192.0.2.1, 10.0.0.2"], "192.0.2.1"),
            ("on several lines", &["203.0.113.9", "192.0.2.1", "10.0.0.2,10.0.0.3"], "192.0.2.1"),
            ("proxies only", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("IPv6", &["2001:db8::1"], "2001:db8::1"),
            ("mapped", &["::ffff:192.0.2.1"], "192.0.2.1"),
            ("with port", &["192.0.2.1:4711"], "192.0.2.1"),
            ("IPv6 with port", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("IPv6 in brackets", &["[2001:db8::1]"], "2001:db8::1"),
            ("with zone", &["fe80::1%eth0"], "10.0.0.1"),
            ("no address", &["unknown"], "10.0.0.1"),
            ("no address before a proxy", &["203.0.113.9, unknown, 10.0.0.2"], "10.0.0.2"),
            ("empty", &[""], "10.0.0.1"),
            ("a stray comma", &["192.0.2.1,"], "10.0.0.1"),
        ] {
            assert_eq!(client("10.0.0.0/8", "10.0.0.1", forwarded_for), expected, "{name}");
        }
    }

    #[test]
    fn the_scheme_is_https_where_the_nearest_proxy_says_so() {
        for (name, protos, expected) in [
            ("not said", &[][..], "http"),
            ("plain", &["http"], "http"),
            ("TLS", &["https"], "https"),
            ("in capitals", &["HTTPS"], "https"),
            ("spoofed before", &["https, http"], "http"),
            ("the nearest has TLS", &["http, https"], "https"),
            ("spoofed on a line of its own", &["https", "http"], "http"),
            ("empty", &[""], "http"),
            ("a stray comma", &["https,"], "http"),
            ("another scheme", &["ftp"], "http"),
            ("no scheme", &["HTTPS://"], "http"),
        ] {
            let headers: Vec<_> = protos.iter().map(|line| ("x-forwarded-proto", *line)).collect();
            assert_eq!(settled("127.0.0.1", "127.0.0.1", &headers).1[1], expected, "{name}");
        }
    }

    #[test]
    fn networks_end_at_their_last_bit() {
        for (trusted, inside, outside) in [
            ("192.0.2.8/29", &["192.0.2.8", "192.0.2.15"][..], &["192.0.2.7", "192.0.2.16"][..]),
            ("192.0.2.9/29", &["192.0.2.8"], &["192.0.2.16"]),
            ("192.0.2.1", &["192.0.2.1"], &["192.0.2.0", "192.0.2.2"]),
            ("2001:db8::/33", &["2001:db8:7fff::1"], &["2001:db8:8000::"]),
            ("0.0.0.0/0", &["0.0.0.0", "255.255.255.255"], &["::"]),
            ("::/0", &["::1"], &["127.0.0.1"]),
            ("::ffff:192.0.2.1", &["192.0.2.1"], &["192.0.2.0", "::1"]),
            ("::ffff:192.0.2.8/125", &["192.0.2.8", "192.0.2.15"], &["192.0.2.7", "192.0.2.16"]),
            ("::ffff:0.0.0.0/96", &["0.0.0.0", "255.255.255.255"], &["::"]),
        ] {
            let proxies = TrustedProxies::parse(trusted).unwrap();
            let trusts = |address: &&str| proxies.trust(Peer::Ip(address.parse().unwrap()));
            assert!(inside.iter().all(trusts) && !outside.iter().any(trusts), "{trusted}");
        }
    }

    #[test]
    fn addresses_networks_and_unix_are_taken_and_nothing_else() {
        for text in ["", " , ", "127.0.0.1,::1", "unix", "10.0.0.0/8 fd00::/8\tunix\n192.0.2.1"] {
            assert!(TrustedProxies::parse(text).is_ok(), "{text}");
        }
        for text in [
            "localhost",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "10.0.0/8",
            "010.0.0.0/8",
            "/8",
            "unix:/run/x",
            "10.0.0.0/-1",
            "::ffff:10.0.0.0/129",
        ] {
            let error = TrustedProxies::parse(text).unwrap_err();
            assert!(error.to_string().contains(VARIABLE) && error.to_string().contains(text), "{error}");
        }
    }
}

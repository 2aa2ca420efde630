//! An address that others are made of by adding to its end: where files are found, an S3 endpoint.

use std::{fmt, net::Ipv6Addr, str::FromStr};

use http::{Uri, uri::Scheme};

use crate::upload_path::escapes_are_complete;

/// An http:// or https:// URL whose path ends with a slash, written as clients write it: the host in lower case, without a
/// port that goes without saying.
///
/// It takes what RFC 3986 allows and no more. The `url` crate would take an international name, too, for 60 KB of Unicode's
/// tables in a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    secure: bool,
    authority: String,
    path: String,
}

/// Why text is no such URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    /// Another scheme, no host, a port that is none.
    #[error("not an http:// or https:// URL")]
    Malformed,
    /// Beyond RFC 3986, section 2.
    #[error(
        "has characters that a URL cannot have; write an international host name in its xn-- form, and the rest with %"
    )]
    Characters,
    /// Nothing can be added after these.
    #[error("has a query or fragment; file names follow its path")]
    Query,
    /// Everybody would see them.
    #[error("has a user name before its host")]
    User,
    /// Clients take them out.
    #[error("has . or .. in its path")]
    Dots,
    /// Not for an endpoint.
    #[error("has a path; an endpoint is scheme, host and port only")]
    Path,
}

impl BaseUrl {
    /// Whether it begins with https.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The same, if nothing stands behind its host: an endpoint of AWS's, or of what speaks as AWS does.
    ///
    /// # Errors
    /// [`BaseUrlError::Path`].
    pub fn endpoint(self) -> Result<Self, BaseUrlError> {
        if self.path == "/" { Ok(self) } else { Err(BaseUrlError::Path) }
    }

    /// Its scheme.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    /// Host and port, as a request's Host header has them.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The path, from slash to slash.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme(), self.authority, self.path)
    }
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, BaseUrlError> {
        const STRAY: [char; 9] = ['"', '<', '>', '\\', '^', '`', '{', '|', '}'];
        if text.contains(['?', '#']) {
            return Err(BaseUrlError::Query);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains(STRAY) || !escapes_are_complete(text) {
            return Err(BaseUrlError::Characters);
        }
        let uri: Uri = text.parse().map_err(|_| BaseUrlError::Malformed)?;
        let secure = uri.scheme() == Some(&Scheme::HTTPS);
        if !secure && uri.scheme() != Some(&Scheme::HTTP) {
            return Err(BaseUrlError::Malformed);
        }
        let dots = |segment: &str| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
        if uri.path().split('/').any(dots) {
            return Err(BaseUrlError::Dots);
        }
        let slash = if uri.path().ends_with('/') { "" } else { "/" };
        Ok(Self { secure, authority: authority(&uri, secure)?, path: format!("{}{slash}", uri.path()) })
    }
}

fn authority(uri: &Uri, secure: bool) -> Result<String, BaseUrlError> {
    let authority = uri.authority().ok_or(BaseUrlError::Malformed)?;
    if authority.as_str().contains('@') {
        return Err(BaseUrlError::User);
    }
    let (host, default_port) = (authority.host(), if secure { 443 } else { 80 });
    let port = &authority.as_str()[host.len()..];
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    if address.map_or(host.contains(['[', ']']), |address| address.parse::<Ipv6Addr>().is_err()) {
        return Err(BaseUrlError::Malformed);
    }
    let digits = port.strip_prefix(':').filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    let port = match digits.map(str::parse::<u16>) {
        None if port.is_empty() => None,
        Some(Ok(port)) => Some(port).filter(|port| *port != default_port),
        _ => return Err(BaseUrlError::Malformed),
    };
    match (host.to_ascii_lowercase(), port) {
        (host, _) if host.is_empty() => Err(BaseUrlError::Malformed),
        (host, None) => Ok(host),
        (host, Some(port)) => Ok(format!("{host}:{port}")),
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    /// What the `url` crate makes of the same text.
    fn theirs(text: &str) -> String {
        let url = Url::parse(text).unwrap().to_string();
        if url.ends_with('/') { url } else { format!("{url}/") }
    }

    #[test]
    fn it_is_written_as_clients_write_it() {
        for (text, authority, path) in [
            ("https://x.org", "x.org", "/"),
            ("https://x.org/", "x.org", "/"),
            ("https://X.Org:443/Prod/upload", "x.org", "/Prod/upload/"),
            ("HTTPS://x.org:80", "x.org:80", "/"),
            ("http://x.org:80/a/", "x.org", "/a/"),
            ("http://127.0.0.1:9000", "127.0.0.1:9000", "/"),
            ("http://[::1]:5080/upload/", "[::1]:5080", "/upload/"),
            ("http://localhost:443", "localhost:443", "/"),
            ("https://xn--bcher-kva.example/%C3%A9", "xn--bcher-kva.example", "/%C3%A9/"),
            ("https://a_b.example/~x/;y=1,2/", "a_b.example", "/~x/;y=1,2/"),
        ] {
            let url: BaseUrl = text.parse().unwrap();
            assert_eq!((url.authority(), url.path()), (authority, path), "{text}");
            assert_eq!(url.to_string(), theirs(text));
            assert_eq!(url.is_secure(), text.to_lowercase().starts_with("https:"), "{text}");
        }
    }

    #[test]
    fn an_endpoint_has_no_path() {
        let endpoint = |text: &str| text.parse().and_then(BaseUrl::endpoint);
        assert!(endpoint("https://x.org").is_ok() && endpoint("https://x.org/").is_ok());
        assert_eq!(endpoint("https://x.org//"), Err(BaseUrlError::Path));
        assert_eq!(endpoint("https://x.org/a"), Err(BaseUrlError::Path));
    }

    #[test]
    fn what_is_none_is_refused() {
        use BaseUrlError::{Characters, Dots, Malformed, Query, User};
        for (text, error) in [
            ("", Malformed),
            ("example.org", Malformed),
            ("/upload", Malformed),
            ("ftp://x.org", Malformed),
            ("https://", Malformed),
            ("https:///upload", Malformed),
            ("https://:80", Malformed),
            ("https://x.org:", Malformed),
            ("https://x.org:port", Malformed),
            ("https://x.org:99999", Malformed),
            ("https://[::1", Malformed),
            ("https://[zz]/", Malformed),
            ("https://a[b]/", Malformed),
            ("https://x.org:+80", Malformed),
            ("https://x.org/%zz", Characters),
            ("https://x.org/%4", Characters),
            ("https://x.org/%+1", Characters),
            ("https://x.org/a/%2E%2e/b", Dots),
            ("https://b\u{fc}cher.example", Characters),
            ("https://x.org/a b", Characters),
            ("https://x.org/\"", Characters),
            ("https://x.org\n", Characters),
            ("https://x.org/?a", Query),
            ("https://x.org/#a", Query),
            ("https://user:password@x.org", User),
            ("https://x.org/a/../b", Dots),
            ("https://x.org/.", Dots),
        ] {
            assert_eq!(text.parse::<BaseUrl>(), Err(error), "{text}");
        }
    }
}

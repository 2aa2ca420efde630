//! An address that others are made of by adding to its end: where files are found, an S3 endpoint.

use std::{fmt, str::FromStr};

use url::{Position, Url};

use crate::upload_path::escapes_are_complete;

/// An http:// or https:// URL whose path ends with a slash, written as clients write it: the host in lower case, without a
/// port that goes without saying. Text that `url` would silently make another URL of, such as one with an international host
/// name, is refused with its cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

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
        self.0.scheme() == "https"
    }

    /// The same, if nothing stands behind its host: an endpoint of AWS's, or of what speaks as AWS does.
    ///
    /// # Errors
    /// [`BaseUrlError::Path`].
    pub fn endpoint(self) -> Result<Self, BaseUrlError> {
        if self.path() == "/" { Ok(self) } else { Err(BaseUrlError::Path) }
    }

    /// Its scheme.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.is_secure() { "https" } else { "http" }
    }

    /// Host and port, as a request's Host header has them.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.0[Position::BeforeHost..Position::AfterPort]
    }

    /// The path, from slash to slash.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.path()
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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
        let (scheme, rest) = text.split_once("://").ok_or(BaseUrlError::Malformed)?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if !matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") {
            return Err(BaseUrlError::Malformed);
        }
        if authority.contains('@') {
            return Err(BaseUrlError::User);
        }
        // `url` takes https:///host and a port that is empty, decodes names, and leaves out dots.
        if authority.is_empty() || authority.ends_with(':') || authority.contains('%') {
            return Err(BaseUrlError::Malformed);
        }
        let path = format!("{}/", path.strip_suffix('/').unwrap_or(path));
        let url = Url::parse(&format!("{scheme}://{authority}{path}")).map_err(|_| BaseUrlError::Malformed)?;
        if url.path() == path { Ok(Self(url)) } else { Err(BaseUrlError::Dots) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_written_as_clients_write_it() {
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
            ("https://x.org/a//b", "x.org", "/a//b/"),
            ("https://[0:0::1]:443", "[::1]", "/"),
            ("http://127.1", "127.0.0.1", "/"),
        ] {
            let url: BaseUrl = text.parse().unwrap();
            let scheme = if text.to_lowercase().starts_with("https:") { "https" } else { "http" };
            assert_eq!((url.scheme(), url.authority(), url.path()), (scheme, authority, path), "{text}");
            assert_eq!(url.to_string(), format!("{scheme}://{authority}{path}"));
            assert_eq!(url.is_secure(), scheme == "https", "{text}");
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
    fn what_is_no_base_url_is_refused() {
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
            ("https:x.org", Malformed),
            ("https:a://x.org", Malformed),
            ("https://x%2Eorg", Malformed),
            ("https://256.0.0.1", Malformed),
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
            ("https://@x.org", User),
            ("https://x.org/a/../b", Dots),
            ("https://x.org/.", Dots),
        ] {
            assert_eq!(text.parse::<BaseUrl>(), Err(error), "{text}");
        }
    }
}

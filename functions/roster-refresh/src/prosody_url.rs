//! Where Prosody takes refreshes: a URL that may have a password in it.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use percent_encoding::percent_decode_str;
use satchel_core::config::Environment;
use url::Url;

/// Where Prosody takes refreshes. Printing it shows no password.
#[derive(Clone, PartialEq, Eq)]
pub struct ProsodyUrl {
    url: Url,
    authorization: Option<String>,
}

impl ProsodyUrl {
    /// Reads `SATCHEL_PROSODY_REFRESH_URL`, which has to be there.
    pub fn read(environment: &mut Environment<'_>) -> Option<Self> {
        const NAME: &str = "SATCHEL_PROSODY_REFRESH_URL";
        if environment
            .required(NAME, "where Prosody takes refreshes, such as https://host:5281/roster_admin/refresh")
            .is_empty()
        {
            return None;
        }
        // One line, as Prosody is told with the current password.
        let Some(url) = environment.text(NAME).and_then(|text| http_url(text.lines().next()?)) else {
            environment.complain(NAME, "not an http:// or https:// URL");
            return None;
        };
        if url.fragment().is_some() {
            environment.complain(NAME, "has a fragment, which would never reach Prosody");
            return None;
        }
        Some(Self::of(url))
    }

    /// Takes the userinfo out of a URL.
    #[must_use]
    pub fn of(mut url: Url) -> Self {
        let decoded = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
        let pair = [decoded(url.username()), decoded(url.password().unwrap_or_default())].join(&b':');
        let authorization = (pair != b":").then(|| format!("Basic {}", BASE64_STANDARD.encode(pair)));
        // Neither fails: the URL has a host.
        let _ = (url.set_username(""), url.set_password(None));
        Self { url, authorization }
    }

    /// The URL without userinfo.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// What goes into the Authorization header (RFC 7617).
    #[must_use]
    pub fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }
}

impl fmt::Debug for ProsodyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProsodyUrl").field(&self.url.as_str()).finish()
    }
}

fn http_url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_userinfo_becomes_a_header_and_is_never_printed() {
        for (url, bare, authorization) in [
            ("http://x/refresh", "http://x/refresh", None),
            ("http://satchel:hunter2@x/refresh?a", "http://x/refresh?a", Some("satchel:hunter2")),
            ("http://a%40b:p%3Aq@x/", "http://x/", Some("a@b:p:q")),
            ("http://token@x/", "http://x/", Some("token:")),
        ] {
            let prosody = ProsodyUrl::of(url.parse().unwrap());
            let expected = authorization.map(|pair| format!("Basic {}", BASE64_STANDARD.encode(pair)));
            assert_eq!((prosody.url().as_str(), prosody.authorization()), (bare, expected.as_deref()), "{url}");
            assert!(!format!("{prosody:?}").contains("hunter2"));
        }
    }
}

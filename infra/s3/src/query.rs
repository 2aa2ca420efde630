//! The query of a request, read by the parser that s3s reads it with: what is checked is what is done.

use form_urlencoded::parse;
use percent_encoding::percent_decode_str;
use s3s::{S3Result, s3_error};

/// The parameters of a query, decoded, each of them once.
#[derive(Debug)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Takes the query as it was sent. A signature covers the decoded query, so the same one can be written in many
    /// ways. No name of S3's needs an escape: one that has any, or is given twice, is refused, and so is a value that
    /// is not UTF-8.
    pub(crate) fn parse(query: Option<&str>) -> S3Result<Self> {
        let query = query.unwrap_or_default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !name.bytes().all(is_plain) {
                return Err(s3_error!(InvalidURI, "Write the names of query parameters without escapes"));
            }
            if percent_decode_str(value).decode_utf8().is_err() {
                return Err(s3_error!(InvalidURI, "The query parameter {name} is not UTF-8"));
            }
        }
        let mut pairs: Vec<_> = parse(query.as_bytes()).into_owned().collect();
        pairs.sort();
        if let Some(twice) = pairs.windows(2).find(|two| two[0].0 == two[1].0) {
            return Err(s3_error!(InvalidArgument, "The query parameter {} is given twice", twice[0].0));
        }
        Ok(Self(pairs))
    }

    /// The value of a parameter; empty where it has none.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let at = self.0.binary_search_by_key(&name, |(name, _)| name).ok()?;
        Some(&self.0[at].1)
    }

    /// The names of all parameters.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

/// RFC 3986's unreserved characters: what is never escaped.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_as_s3s_reads_them() {
        let query = Query::parse(Some("b=1%2B1&a=x+y&&acl&c=%C3%BC=")).unwrap();
        assert_eq!(query.names().collect::<Vec<_>>(), ["a", "acl", "b", "c"]);
        assert_eq!(
            ["a", "acl", "b", "c", "d"].map(|name| query.get(name)),
            [Some("x y"), Some(""), Some("1+1"), Some("ü="), None]
        );
        assert_eq!(Query::parse(None).unwrap().names().count(), 0);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for query in ["X-Amz-%53ignature=x", "x%2did=1", "a+b=1", "ü=1", "a=1&a=1", "acl&acl=", "a=%ff", "=1&=2"] {
            assert!(Query::parse(Some(query)).is_err(), "{query}");
        }
    }
}

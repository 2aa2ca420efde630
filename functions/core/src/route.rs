//! From a request's raw path to the upload path: the deployment's own prefix belongs to no slot.

use crate::upload_path::{PathError, UploadPath};

/// The resource of template.yaml that uploads and downloads live under.
const RESOURCE: &str = "/upload/";

/// Whether something before us may have decoded the path already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathEncoding {
    /// As the client sent it: REST APIs and Function URLs.
    AsSent,
    /// Perhaps decoded: HTTP APIs (payload format 2.0).
    PerhapsDecoded,
}

/// Why a request leads to no upload path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// Not below `/upload/` or the public URL.
    #[error("there is nothing at this address; uploads and downloads are below /upload/")]
    NotFound,
    /// Below it, but malformed.
    #[error(transparent)]
    Path(#[from] PathError),
}

/// The possible readings of a request's path, most likely first, at least one. `public_path` is the
/// path of `SATCHEL_PUBLIC_URL`, `stage` the stage that API Gateway names.
///
/// # Errors
/// `NotFound` for a path outside the deployment's prefix, `Path` where no reading is well-formed.
pub fn readings(
    raw_path: &str,
    public_path: Option<&str>,
    stage: Option<&str>,
    encoding: PathEncoding,
) -> Result<Vec<UploadPath>, RouteError> {
    let below = strip_base(raw_path, public_path, stage).ok_or(RouteError::NotFound)?;
    let first = UploadPath::parse_encoded(below);
    let second = match encoding {
        PathEncoding::AsSent => None,
        PathEncoding::PerhapsDecoded => UploadPath::parse_decoded(below).ok(),
    };
    match (first, second) {
        (Ok(first), Some(second)) if first != second => Ok(vec![first, second]),
        (Ok(only), _) | (Err(_), Some(only)) => Ok(vec![only]),
        (Err(error), None) => Err(error.into()),
    }
}

/// What follows the longest known prefix: the public URL's path, the resource, the resource below the
/// stage.
fn strip_base<'a>(raw_path: &'a str, public_path: Option<&str>, stage: Option<&str>) -> Option<&'a str> {
    let staged = stage.map(|stage| format!("/{stage}{RESOURCE}"));
    let known = [public_path, Some(RESOURCE), staged.as_deref()];
    let prefixes = known.into_iter().flatten().filter(|prefix| raw_path.starts_with(*prefix));
    let longest = prefixes.map(str::len).max()?;
    raw_path.get(longest..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deployments_prefix_is_no_part_of_the_path() {
        for (raw, public, stage) in [
            ("/upload/a/b", None, None),
            ("/upload/a/b", Some("/upload/"), Some("Prod")),
            ("/Prod/upload/a/b", None, Some("Prod")),
            ("/files/upload/a/b", Some("/files/upload/"), Some("Prod")),
            ("/a/b", Some("/"), None),
            ("/upload/a/b", Some("/"), None),
        ] {
            let paths = readings(raw, public, stage, PathEncoding::AsSent).unwrap();
            assert_eq!(paths[0].as_str(), "a/b", "{raw} {public:?} {stage:?}");
        }
        for outside in ["/", "/upload", "/uploads/a", "/other/upload/a", ""] {
            assert_eq!(
                readings(outside, None, Some("Prod"), PathEncoding::AsSent),
                Err(RouteError::NotFound),
                "{outside}"
            );
        }
        let nested = readings("/upload/upload/a", Some("/upload/"), None, PathEncoding::AsSent).unwrap();
        assert_eq!(nested[0].as_str(), "upload/a");
    }

    #[test]
    fn a_path_that_may_be_decoded_has_two_readings() {
        let read = |raw, encoding| {
            readings(raw, None, None, encoding)
                .map(|paths| paths.iter().map(|path| path.as_str().to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(read("/upload/a%20b", PathEncoding::PerhapsDecoded).unwrap(), ["a b", "a%20b"]);
        assert_eq!(read("/upload/a b", PathEncoding::PerhapsDecoded).unwrap(), ["a b"]);
        assert_eq!(read("/upload/100%", PathEncoding::PerhapsDecoded).unwrap(), ["100%"]);
        assert_eq!(read("/upload/a%20b", PathEncoding::AsSent).unwrap(), ["a b"]);
        assert_eq!(read("/upload/100%", PathEncoding::AsSent), Err(RouteError::Path(PathError::Encoding)));
        assert_eq!(read("/upload/..", PathEncoding::PerhapsDecoded), Err(RouteError::Path(PathError::DotSegment)));
    }
}

//! From a request's raw path to the upload path: the deployment's own prefix belongs to no slot.

use http::StatusCode;

use crate::{
    base_url::BaseUrl,
    outcome::Failure,
    problem::Problem,
    upload_path::{PathError, UploadPath},
};

/// The resource of template.yaml that uploads and downloads live under.
const UPLOAD: &str = "upload/";
/// The one where fronts ask before they send.
const AUTHORIZE: &str = "authorize/upload/";
/// The one for resumable uploads.
const RESUME: &str = "resume/";

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// The upload itself.
    Upload,
    /// A decision about it, for a front that understands yes and no.
    Authorize,
    /// The upload by the tus protocol.
    Resume,
}

/// Whether something before us may have decoded the path already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PathEncoding {
    /// As the client sent it: REST APIs and Function URLs.
    #[default]
    AsSent,
    /// Perhaps decoded: HTTP APIs (payload format 2.0).
    PerhapsDecoded,
}

/// Why a request leads to no upload path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// Not below `/upload/` or the public URL.
    #[error(
        "there is nothing at this address; uploads and downloads are below /upload/, resumable uploads below /resume/"
    )]
    NotFound,
    /// Below it, but malformed.
    #[error(transparent)]
    Path(#[from] PathError),
}

/// A request's path, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route<'a> {
    /// What is asked for.
    pub resource: Resource,
    /// The upload's path as it came.
    below: &'a str,
}

impl<'a> Route<'a> {
    /// Takes the longest known prefix off a path: a resource, a resource below the stage that API Gateway names,
    /// or the path of `SATCHEL_PUBLIC_URL`. `None` for a path outside the deployment. Where clients of the tus protocol
    /// ask what the server can do, the last slash may be missing.
    #[must_use]
    pub fn of(raw_path: &'a str, public_path: Option<&str>, stage: Option<&str>) -> Option<Self> {
        let resources = [(UPLOAD, Resource::Upload), (AUTHORIZE, Resource::Authorize), (RESUME, Resource::Resume)];
        let under = |base: String| resources.map(|(name, resource)| (format!("{base}{name}"), resource));
        let public = public_path.map(|path| (path.to_owned(), Resource::Upload));
        let known = bases(public_path, stage).into_iter().flat_map(under).chain(public);
        let is_root =
            |prefix: &str, resource| resource == Resource::Resume && prefix.strip_suffix('/') == Some(raw_path);
        let matching = known.filter(|(prefix, resource)| raw_path.starts_with(prefix) || is_root(prefix, *resource));
        let (prefix, resource) = matching.max_by_key(|(prefix, _)| prefix.len())?;
        Some(Self { resource, below: raw_path.get(prefix.len()..).unwrap_or_default() })
    }

    /// What stands before the upload's path in an address of this request. `None` for one that leads elsewhere.
    #[must_use]
    pub fn base_of<'b>(&self, address: &'b str) -> Option<&'b str> {
        address.strip_suffix(self.below).filter(|base| base.ends_with('/'))
    }

    /// The possible readings of the upload's path, most likely first, at least one.
    ///
    /// # Errors
    /// No reading is well-formed.
    pub fn readings(&self, encoding: PathEncoding) -> Result<Vec<UploadPath>, PathError> {
        let first = UploadPath::parse_encoded(self.below).map(UploadPath::without_host);
        let second = match encoding {
            PathEncoding::AsSent => None,
            PathEncoding::PerhapsDecoded => UploadPath::parse_decoded(self.below).ok().map(UploadPath::without_host),
        };
        match (first, second) {
            (Ok(first), Some(second)) if first != second => Ok(vec![first, second]),
            (Ok(only), _) | (Err(_), Some(only)) => Ok(vec![only]),
            (Err(error), None) => Err(error),
        }
    }
}

/// What resources may stand below: nothing, the stage that API Gateway names, what the public URL's `upload/` does.
pub fn bases(public_path: Option<&str>, stage: Option<&str>) -> Vec<String> {
    let stage = stage.map(|stage| format!("/{stage}/"));
    [Some("/".to_owned()), stage, parent(public_path)].into_iter().flatten().collect()
}

/// Where resumable uploads are by the public URL: beside the others. `None` where it does not say.
#[must_use]
pub fn resume_url(public_url: &BaseUrl) -> Option<String> {
    let parent = parent(Some(public_url.path()))?;
    Some(format!("{}://{}{parent}{RESUME}", public_url.scheme(), public_url.authority()))
}

/// What `upload/` stands below in the public URL, if that is how it ends.
fn parent(public_path: Option<&str>) -> Option<String> {
    public_path?.strip_suffix(UPLOAD).map(str::to_owned)
}

impl Failure for RouteError {
    fn problem(&self) -> Problem {
        let (status, code) = match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "no_such_address"),
            Self::Path(_) => (StatusCode::BAD_REQUEST, "path_malformed"),
        };
        Problem::new(status, code, self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &str, public: Option<&str>, stage: Option<&str>, encoding: PathEncoding) -> Option<Vec<String>> {
        let paths = Route::of(raw, public, stage)?.readings(encoding).ok()?;
        Some(paths.iter().map(|path| path.as_str().to_owned()).collect())
    }

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
            let route = Route::of(raw, public, stage).unwrap();
            assert_eq!((route.resource, route.below), (Resource::Upload, "a/b"), "{raw} {public:?} {stage:?}");
        }
        for outside in ["/", "/upload", "/uploads/a", "/other/upload/a", ""] {
            assert_eq!(Route::of(outside, None, Some("Prod")), None, "{outside}");
        }
        assert_eq!(Route::of("/upload/upload/a", Some("/upload/"), None).unwrap().below, "upload/a");
    }

    #[test]
    fn fronts_ask_beside_the_upload() {
        for (raw, public, stage) in [
            ("/authorize/upload/a/b", None, None),
            ("/Prod/authorize/upload/a/b", None, Some("Prod")),
            ("/files/authorize/upload/a/b", Some("/files/upload/"), None),
            ("/authorize/upload/a/b", Some("/share/"), None),
        ] {
            let route = Route::of(raw, public, stage).unwrap();
            assert_eq!((route.resource, route.below), (Resource::Authorize, "a/b"), "{raw}");
        }
        assert_eq!(Route::of("/upload/authorize/upload/a", None, None).unwrap().resource, Resource::Upload);
    }

    #[test]
    fn the_host_that_ejabberd_puts_first_is_no_part_of_the_path() {
        let sha1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
        let signed = format!("{sha1}/random/f.jpg");
        for host in ["", "a.example/", "b.example/", "localhost/", "x%C3%A9.example/"] {
            let readings = read(&format!("/upload/{host}{signed}"), None, None, PathEncoding::PerhapsDecoded);
            assert_eq!(readings, Some(vec![signed.clone()]), "{host}: one path, one file");
        }
        for other in [
            format!("a.example/{sha1}/f.jpg"),
            format!("a.example/b.example/{signed}"),
            format!("{signed}/more"),
            format!("a.example/{}/random/f.jpg", &sha1[1..]),
            format!("a.example/{}g/random/f.jpg", &sha1[1..]),
            "a.example/juliet/random/f.jpg".to_owned(),
        ] {
            let readings = read(&format!("/upload/{other}"), None, None, PathEncoding::AsSent);
            assert_eq!(readings, Some(vec![other.clone()]), "{other}");
        }
    }

    #[test]
    fn resumable_uploads_are_beside_the_others() {
        for (raw, public, stage) in [
            ("/resume/a/b", None, None),
            ("/Prod/resume/a/b", None, Some("Prod")),
            ("/files/resume/a/b", Some("/files/upload/"), None),
            ("/resume/a/b", Some("/"), None),
        ] {
            let route = Route::of(raw, public, stage).unwrap();
            assert_eq!((route.resource, route.below), (Resource::Resume, "a/b"), "{raw}");
        }
        assert_eq!(Route::of("/upload/resume/a", None, None).unwrap().resource, Resource::Upload);
        for (raw, public, stage) in [
            ("/resume", None, None),
            ("/resume/", None, None),
            ("/Prod/resume", None, Some("Prod")),
            ("/files/resume", Some("/files/upload/"), None),
            ("/resume", Some("/"), None),
        ] {
            let route = Route::of(raw, public, stage).unwrap();
            assert_eq!((route.resource, route.below), (Resource::Resume, ""), "{raw}");
            assert!(route.readings(PathEncoding::AsSent).is_err(), "{raw} is no upload");
        }
        assert_eq!(Route::of("/resumes", None, None), None);
    }

    #[test]
    fn what_stands_before_the_path_tells_where_uploads_are() {
        let route = Route::of("/Prod/resume/a/b%20c", None, Some("Prod")).unwrap();
        assert_eq!(route.base_of("https://x.org/Prod/resume/a/b%20c"), Some("https://x.org/Prod/resume/"));
        assert_eq!(route.base_of("https://x.org/Prod/resume/a/b c"), None);
        for (public, resume) in [
            ("https://x.org/upload", Some("https://x.org/resume/")),
            ("http://x.org:8080/files/upload/", Some("http://x.org:8080/files/resume/")),
            ("https://x.org/share/", None),
            ("https://x.org", None),
        ] {
            assert_eq!(resume_url(&public.parse().unwrap()).as_deref(), resume, "{public}");
        }
    }

    #[test]
    fn a_path_that_may_be_decoded_has_two_readings() {
        use PathEncoding::{AsSent, PerhapsDecoded};
        let read = |raw, encoding| read(raw, None, None, encoding);
        assert_eq!(read("/upload/a%20b", PerhapsDecoded).unwrap(), ["a b", "a%20b"]);
        assert_eq!(read("/upload/a b", PerhapsDecoded).unwrap(), ["a b"]);
        assert_eq!(read("/upload/100%", PerhapsDecoded).unwrap(), ["100%"]);
        assert_eq!(read("/upload/a%20b", AsSent).unwrap(), ["a b"]);
        assert_eq!(read("/upload/100%", AsSent), None);
        assert_eq!(read("/upload/..", PerhapsDecoded), None);
    }
}

//! What is to be done about a request, told from its head alone.

use http::Method;
use lambda_http::{Request, RequestExt};
use satchel_aws::{clock::fresh_upload_id, event};
use satchel_core::{
    grant::Grant,
    put::{self, PutRequest},
    route::{RouteError, resume_url},
    time::Timestamp,
    upload_path::UploadPath,
};

use crate::{
    Attempt, ResumeConfig, ResumeError,
    refusal::ResumeRefusal,
    request::{self, Creation, ID_HEADER, ID_PARAMETER},
    session::Session,
    text, tus,
};

/// What is to be done.
#[derive(Debug, Clone)]
pub enum Decision {
    /// Say what this server can do.
    Capabilities,
    /// Say which methods there are.
    NotAllowed(Method),
    /// Begin an upload, with as much of it as comes along.
    Begin(Box<Beginning>),
    /// Say how far it is.
    Find(Session),
    /// Add a chunk.
    Append(Session),
    /// End it.
    End(Session),
}

/// An upload that may begin.
#[derive(Debug, Clone)]
pub struct Beginning {
    /// What the head says.
    pub creation: Creation,
    /// What the token grants.
    pub grant: Grant,
    /// The possible readings of the path.
    pub asked_at: Vec<UploadPath>,
    /// What the addresses of uploads begin with.
    pub base: String,
    /// Until when it can be resumed.
    pub expires: Timestamp,
}

impl Decision {
    /// The upload that it is about.
    #[must_use]
    pub fn grant(&self) -> Option<&Grant> {
        match self {
            Self::Capabilities | Self::NotAllowed(_) => None,
            Self::Begin(beginning) => Some(&beginning.grant),
            Self::Find(session) | Self::Append(session) | Self::End(session) => Some(&session.grant),
        }
    }

    /// Whether a chunk may come with it.
    #[must_use]
    pub fn takes_chunk(&self) -> bool {
        matches!(self, Self::Begin(_) | Self::Append(_))
    }
}

/// Decides about a request: the token is checked as a PUT's would be.
///
/// # Errors
/// The token allows no such upload; there is no such upload; the head makes no sense.
pub fn decide(
    config: &ResumeConfig,
    request: &Request,
    attempt: &Attempt,
    now: Timestamp,
) -> Result<Decision, ResumeError> {
    let method = match &attempt.named {
        Some(method) if *method == Method::OPTIONS => return Ok(Decision::Capabilities),
        Some(method) if [Method::HEAD, Method::POST, Method::PATCH, Method::DELETE].contains(method) => method,
        _ => return Ok(Decision::NotAllowed(attempt.method().clone())),
    };
    request::check_version(|name| text(request, name))?;
    if *method == Method::POST {
        return beginning(config, request, now).map(|beginning| Decision::Begin(Box::new(beginning)));
    }
    let session = session(config, request, now)?;
    Ok(match *method {
        Method::HEAD => Decision::Find(session),
        Method::PATCH => Decision::Append(session),
        _ => Decision::End(session),
    })
}

fn beginning(config: &ResumeConfig, request: &Request, now: Timestamp) -> Result<Beginning, ResumeError> {
    let creation = Creation::parse(|name| text(request, name))?;
    let asked_at = event::resume_paths(request, config.public_path.as_deref())?;
    let base = base(config, request)?;
    let grant = authorize(config, request, asked_at.clone(), &creation, now)?;
    Ok(Beginning { expires: tus::expiry(now, grant.expires), creation, grant, asked_at, base })
}

/// What the token grants.
fn authorize(
    config: &ResumeConfig,
    request: &Request,
    asked_at: Vec<UploadPath>,
    creation: &Creation,
    now: Timestamp,
) -> Result<Grant, ResumeError> {
    let (credential, paths) = event::credential_and_paths(request, asked_at)?;
    let (length, content_type) = (Some(creation.length), creation.content_type.as_deref());
    let put = PutRequest { paths: &paths, credential: &credential, length, content_type };
    Ok(put::authorize(&put, &config.policy, now, fresh_upload_id()?)?)
}

/// Where uploads are: beside the public URL, else where this request found it, by the public URL's host if there is one.
fn base(config: &ResumeConfig, request: &Request) -> Result<String, RouteError> {
    let public_url = config.public_url.as_ref();
    if let Some(base) = public_url.and_then(resume_url) {
        return Ok(base);
    }
    let route = event::route(request, config.public_path.as_deref())?;
    let path = request.raw_http_path();
    let address = match public_url {
        Some(url) => format!("{}://{}{path}", url.scheme(), url.authority()),
        None => event::address(request),
    };
    Ok(route.base_of(&address).or_else(|| route.base_of(path)).unwrap_or_default().to_owned())
}

/// The upload that the request continues: by its own URL, or by the header beside the URL it was created at.
fn session(config: &ResumeConfig, request: &Request, now: Timestamp) -> Result<Session, ResumeError> {
    let paths = event::resume_paths(request, config.public_path.as_deref())?;
    let id = event::parameter(request, ID_PARAMETER).or_else(|| event::header(request, ID_HEADER));
    let id = id.ok_or(ResumeRefusal::Unknown)?;
    Ok(Session::verify(id, &paths, &config.policy.secrets, now)?)
}

//! POST: the token is checked as a PUT's would be, and an upload begins.

use bytes::Bytes;
use http::Method;
use lambda_http::{Body, Request, RequestExt, Response};
use satchel_aws::{
    clock::fresh_upload_id,
    event,
    storage::{
        Creation as Stored, Storage,
        incomplete::{Draft, Holder},
        multipart::Multipart,
    },
};
use satchel_core::{
    grant::{Grant, UploadId},
    metadata::Metadata,
    put::{self, PutRequest},
    resume::{
        self,
        progress::Progress,
        refusal::ResumeRefusal,
        request::Creation,
        session::{MultipartId, Session},
    },
    route::{RouteError, resume_url},
    upload_path::UploadPath,
};

use crate::{ResumeError, State, answers, granted, text};

/// How often creations of one path at the same moment may overtake this one.
const CLAIM_TRIES: u32 = 20;

/// Begins an upload, with as much of it as came along.
///
/// # Errors
/// The token allows no such upload; the headers make no sense; there is a file already; S3 failed.
pub async fn create(state: &State, request: Request) -> Result<Response<Body>, ResumeError> {
    let creation = Creation::parse(|name| text(&request, name))?;
    let asked_at = event::resume_paths(&request, state.config.public_path.as_deref())?;
    let base = base(state, &request)?;
    let grant = authorize(state, &request, asked_at.clone(), &creation)?;
    let place = AskedAt { paths: &asked_at, base: &base };
    Ok(granted(&Method::POST, &grant, start(state, request, place, grant.clone(), &creation)).await)
}

/// Where an upload was asked for.
#[derive(Debug, Clone, Copy)]
struct AskedAt<'a> {
    /// The possible readings of the path.
    paths: &'a [UploadPath],
    /// What the addresses of uploads begin with.
    base: &'a str,
}

/// Where uploads are: beside the public URL, else where this request found it, by the public URL's host if there is one.
fn base(state: &State, request: &Request) -> Result<String, RouteError> {
    let public_url = state.config.public_url.as_ref();
    if let Some(base) = public_url.and_then(resume_url) {
        return Ok(base);
    }
    let route = event::route(request, state.config.public_path.as_deref())?;
    let path = request.raw_http_path();
    let address = match public_url {
        Some(url) => format!("{}://{}{path}", url.scheme(), url.authority()),
        None => event::address(request),
    };
    Ok(route.base_of(&address).or_else(|| route.base_of(path)).unwrap_or_default().to_owned())
}

async fn start(
    state: &State,
    request: Request,
    asked_at: AskedAt<'_>,
    grant: Grant,
    creation: &Creation,
) -> Result<Response<Body>, ResumeError> {
    creation.check_chunk(|name| text(&request, name), request.body())?;
    let expires = resume::expiry(state.clock.now(), grant.expires);
    let chunk = event::into_bytes(request.into_body());
    let offset = chunk.len() as u64;
    let (upload, multipart) = begin(&state.store, &grant, creation, chunk).await?;
    let is_repeated = upload != grant.id;
    let session = Session { grant: Grant { id: upload, ..grant }, multipart, expires };
    let id = session.sign(state.config.policy.secrets.current(), asked_at.paths);
    let location = id.location(asked_at.base, &session.grant.path);
    let code = if is_repeated { "stored_before" } else { answers::creation_code(offset == session.grant.size) };
    Ok(answers::created(&session, id.as_str(), &location, offset, code))
}

/// What the token grants.
fn authorize(
    state: &State,
    request: &Request,
    asked_at: Vec<UploadPath>,
    creation: &Creation,
) -> Result<Grant, ResumeError> {
    let (credential, paths) = event::credential_and_paths(request, asked_at)?;
    let (length, content_type) = (Some(creation.length), creation.content_type.as_deref());
    let put = PutRequest { paths: &paths, credential: &credential, length, content_type };
    Ok(put::authorize(&put, &state.config.policy, state.clock.now(), fresh_upload_id()?)?)
}

/// A file that came as a whole is stored in one request; any other begins as a multipart upload. One that comes again as a
/// whole is the upload that it was.
async fn begin(
    storage: &Storage,
    grant: &Grant,
    creation: &Creation,
    chunk: Bytes,
) -> Result<(UploadId, Option<MultipartId>), ResumeError> {
    let metadata = Metadata::of(grant).with_client(creation.metadata.clone());
    if chunk.len() as u64 == grant.size {
        return match storage.create(grant, &metadata, chunk, None).await? {
            Stored::Created => Ok((grant.id, None)),
            Stored::Repeated(upload) => Ok((upload, None)),
            Stored::Exists => Err(ResumeRefusal::Exists.into()),
        };
    }
    if storage.head(&grant.path).await?.is_some() {
        return Err(ResumeRefusal::Exists.into());
    }
    let multipart = storage.begin_multipart(grant, &metadata).await?;
    let progress = Progress::default().extended(chunk.len() as u64);
    let draft = Draft::new(progress, creation.metadata.clone(), chunk.into())?;
    claim(storage, Multipart { grant, id: &multipart }, &draft).await?;
    Ok((grant.id, Some(multipart)))
}

/// Makes this upload the one of its path. One that was begun before, perhaps by the same client that never heard of it,
/// has lost its place: were it handed out once more, two clients could mix their bytes in one file. So a token holds the
/// space of one upload, however often it is used.
async fn claim(storage: &Storage, upload: Multipart<'_>, draft: &Draft) -> Result<(), ResumeError> {
    let mut holder = None;
    for _ in 0..CLAIM_TRIES {
        let replaced = holder.as_ref().map(|holder: &Holder| &holder.version);
        if storage.write_incomplete(upload, draft, replaced).await?.is_ok() {
            if let Some(Holder { multipart, .. }) = &holder {
                // Only now: nothing is acknowledged to an upload whose parts are gone. Should this fail, `expire` does it.
                let _ = storage.abort(Multipart { id: multipart, ..upload }).await;
            }
            return Ok(());
        }
        holder = storage.holder(&upload.grant.path).await?;
    }
    let _ = storage.abort(upload).await;
    Err(ResumeRefusal::Overtaken.into())
}

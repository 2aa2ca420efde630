//! What is to be done about a PUT, from its head alone.

use satchel_aws::presign::Presigner;
use satchel_core::{
    grant::Grant,
    head::Head,
    moment::Moment,
    put::{self, PutRequest},
    route::Resource,
};
use satchel_store::NewUpload;

use crate::{config::UploadConfig, error::UploadError, send_to::SendTo};

/// What is to be done.
#[derive(Debug)]
pub enum Decision<'a> {
    /// The body is here, or on its way: store it.
    Store(NewUpload),
    /// A front keeps the body back: it, or the client, is to be told where to send it.
    SendTo(SendTo<'a>),
}

/// Decides about a PUT. `presigner`: where clients reach an S3. `has_body`: one is here or on its way.
///
/// # Errors
/// The token allows no such upload; the head makes no sense; the body is kept back, and there is no S3 to send it to.
pub fn decide<'a>(
    config: &UploadConfig,
    presigner: Option<&'a Presigner>,
    head: &Head<'_>,
    has_body: bool,
    moment: &Moment,
) -> Result<Decision<'a>, UploadError> {
    let grant = authorize(config, head, moment)?;
    let upload = NewUpload { digest: head.digest?, grant };
    let is_kept_back = head.resource() == Resource::Authorize || (!has_body && upload.grant.size > 0);
    if !is_kept_back {
        return Ok(Decision::Store(upload));
    }
    let presigner = presigner.ok_or(UploadError::KeptBack)?;
    Ok(Decision::SendTo(SendTo::new(upload, presigner)))
}

fn authorize(config: &UploadConfig, head: &Head<'_>, moment: &Moment) -> Result<Grant, UploadError> {
    let (credential, paths) = head.credential_for(head.upload_paths()?)?;
    let (length, content_type) = (head.length?, head.content_type?);
    let put = PutRequest { paths: &paths, credential: &credential, length, content_type };
    Ok(put::authorize(&put, &config.policy, moment.now, moment.upload_id())?)
}

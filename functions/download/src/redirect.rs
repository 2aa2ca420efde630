//! Redirects to S3, which serves the bytes, ranges and conditions included.

use http::{
    Method,
    header::{CONTENT_DISPOSITION, CONTENT_TYPE},
};
use satchel_aws::presign::{Headers, PresignedUrl, Validity};
use satchel_core::{answer::Answer, head::Head, object_key::Key};
use satchel_store::Objects;

use crate::{
    error::DownloadError,
    file::{File, look},
    state::State,
    window::SigningWindow,
};

pub(crate) async fn answer<S: Objects>(state: &State<S>, head: &Head<'_>) -> Result<Answer, DownloadError> {
    let now = state.clock.now();
    let file = look(&state.store, head, now).await?;
    let window = SigningWindow::at(now, state.config.url_life, file.stored.metadata.expires);
    let url = presign(state, head.method(), &file, window).await?;
    let mut answer = Answer::redirect(url.as_str(), window.max_age);
    file.note(&mut answer.outcome);
    Ok(answer)
}

async fn presign<S, R>(
    state: &State<S>,
    method: &Method,
    file: &File<R>,
    window: SigningWindow,
) -> Result<PresignedUrl, DownloadError> {
    let mut headers = Headers::default();
    for (name, value) in file.headers(&state.config) {
        match name {
            CONTENT_TYPE => headers.content_type = Some(value),
            CONTENT_DISPOSITION => headers.content_disposition = Some(value),
            _ => headers.cache_control = Some(value),
        }
    }
    let validity = Validity { from: window.signed_at, seconds: window.expires_in };
    Ok(state.presigner.get(method, Key::of_upload(&file.path).as_str(), headers, validity).await?)
}

//! PUT into the folder or another S3: decided from the head, streamed to its place, durable before the client hears
//! 201.

use http::request::Parts;
use hyper::body::Incoming;
use satchel_core::{answer::Answer, head::Head};
use satchel_store::{Body, NewUpload, Objects};
use satchel_upload::{Decision, UploadError};

use super::{
    body::{self, expects_continue},
    head,
    invoke::{Answered, Gateway, arrived},
};

impl Gateway {
    /// Stores the body, or says why not; a front that keeps it back is told where to send it.
    pub(super) async fn upload(&self, store: &impl Objects, parts: &Parts, body: Incoming) -> Answered {
        let raw = head::of(parts, 0)?;
        let (state, seen) = (self.functions.upload(), arrived(parts).answered_by("upload"));
        let head = Head::read(&raw, state.config.public_path.as_deref());
        // What is no length is for the decision to refuse.
        let has_body =
            body::is_chunked(&parts.headers) || !matches!(body::announced_length(&parts.headers), Ok(None | Some(0)));
        let (presigner, moment) = (self.functions.presigner(), self.functions.moment());
        let decided = moment.map_err(UploadError::from).and_then(|moment| {
            let decision = satchel_upload::decide(&state.config, presigner, &head, has_body, &moment)?;
            Ok((decision, moment.now))
        });
        let answer = match decided {
            Ok((Decision::Store(upload), _)) => {
                let stored = carry_in(store, parts, &upload, body).await;
                satchel_upload::granted(&head, &upload.grant, stored)
            }
            Ok((Decision::SendTo(kept_back), now)) => {
                body::drain(body, &parts.headers);
                kept_back.answer(&head, store, now).await
            }
            Err(error) => {
                body::drain(body, &parts.headers);
                satchel_upload::refused(&head, error)
            }
        };
        Ok(self.called(parts, seen, answer))
    }
}

async fn carry_in(
    store: &impl Objects,
    parts: &Parts,
    upload: &NewUpload,
    body: Incoming,
) -> Result<Answer, UploadError> {
    let (pieces, mut rest) = body::lent(body);
    let created = store.create(upload, Body::Streamed(pieces)).await;
    if let Ok(rest) = rest.try_recv()
        && !rest.is_over()
        && (rest.has_begun() || !expects_continue(&parts.headers))
    {
        body::linger_on(rest);
    }
    satchel_upload::stored(created)
}

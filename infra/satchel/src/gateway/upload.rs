//! PUT into the folder or another S3: decided from the head, streamed to its place, durable before the client hears
//! 201.

use http::request::Parts;
use hyper::body::Incoming;
use satchel_store::{Body, NewUpload, Objects};
use satchel_upload::{Attempt, Decision, UploadError};

use super::{
    body::{self, expects_continue},
    event,
    invoke::{Answered, Gateway, arrived},
};

impl Gateway {
    /// Stores the body, or says why not; a front that keeps it back is told where to send it.
    pub(super) async fn upload(&self, store: &impl Objects, parts: &Parts, body: Incoming) -> Answered {
        let request = event::head(parts)?;
        let (state, seen) = (self.functions.upload(), arrived(parts).answered_by("upload"));
        let attempt = Attempt::of(&state.config, &request);
        // What is no length is for the decision to refuse.
        let has_body =
            body::is_chunked(&parts.headers) || !matches!(body::announced_length(&parts.headers), Ok(None | Some(0)));
        let (presigner, now) = (self.functions.presigner(), self.functions.now());
        let decided = satchel_upload::decide(&state.config, presigner, &request, &attempt, has_body, now);
        let response = match decided {
            Ok(Decision::Store(upload)) => {
                let stored = carry_in(store, parts, &upload, body).await;
                attempt.granted(&upload.grant, stored)
            }
            Ok(Decision::SendTo(kept_back)) => {
                body::drain(body, &parts.headers);
                kept_back.answer(&attempt, store, now).await
            }
            Err(error) => {
                body::drain(body, &parts.headers);
                attempt.answered(Err(error))
            }
        };
        Ok(self.called(parts, seen, response))
    }
}

async fn carry_in(
    store: &impl Objects,
    parts: &Parts,
    upload: &NewUpload,
    body: Incoming,
) -> Result<lambda_http::Response<lambda_http::Body>, UploadError> {
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

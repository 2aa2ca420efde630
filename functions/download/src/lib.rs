//! `download`: GET and HEAD below `/upload/` redirect to a URL presigned for that very method; S3 then serves the bytes, ranges and
//! conditions included. The program finds files by the same [`look`], and serves them itself.
//!
//! Knows what may be shown in a browser ([`disposition`]) and how long a URL may live ([`window`]), and nothing of other functions.

mod config;
pub mod disposition;
mod error;
mod file;
mod redirect;
mod state;
pub mod window;

use http::Method;
use satchel_core::{
    answer::Answer,
    head::{Head, RawHead},
};
use satchel_store::Objects;

pub use config::DownloadConfig;
pub use error::DownloadError;
pub use file::{File, look};
pub use state::State;

/// Answers one request.
pub async fn handle<S: Objects>(state: &State<S>, raw: RawHead) -> Answer {
    let head = Head::read(&raw, state.config.public_path.as_deref());
    let answered = match *head.method() {
        Method::OPTIONS => Ok(Answer::preflight()),
        Method::GET | Method::HEAD => redirect::answer(state, &head).await,
        _ => return Answer::method_not_allowed(head.method(), "OPTIONS, HEAD, GET"),
    };
    answered.unwrap_or_else(|error| Answer::refusal(head.method(), &error))
}

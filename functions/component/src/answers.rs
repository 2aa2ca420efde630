//! Answers that hold what must be kept nowhere.

use http::{
    StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use satchel_core::answer::Answer;

/// mod_component_http drops an answer of any other type, parameters included, in silence.
pub(crate) const JSON: &str = "application/json";
pub(crate) const PLAIN_TEXT: &str = "text/plain; charset=utf-8";

/// 200, with a body that holds a presigned URL or somebody's list of files, and therefore is kept nowhere.
pub(crate) fn ok(code: &'static str, content_type: &str, body: String) -> Answer {
    Answer::empty(StatusCode::OK, code).with(CONTENT_TYPE, content_type).with(CACHE_CONTROL, "no-store").with_body(body)
}

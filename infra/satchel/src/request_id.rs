//! The one id of all that is done for a request or an event.

/// An id for the log.
pub fn request_id() -> String {
    let mut bytes = [0; 8];
    // An id that is not unique confuses a log and nothing else.
    let _ = getrandom::fill(&mut bytes);
    hex::encode(bytes)
}

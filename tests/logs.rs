//! One line for each request and event, with the fields that its function owes.

mod durations;
mod fields;
mod owed;
mod requests;
mod resumable;

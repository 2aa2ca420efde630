//! `upload`: PUT and DELETE.

mod deletion;
mod refusals;
mod storing;
mod types;

//! The edge on Lambda: lambda_runtime's loop and lambda_http around the functions. An event becomes a head and a body, an
//! answer what API Gateway takes, and both together a log line.
//!
//! Knows no store, no SDK and no function. Begin at [`serve`], which each function's `main` is made of; [`event`] is what a
//! function gets to see of a request.

mod edge;
pub mod event;
mod invocation;
mod malformed;
mod notices;
pub mod received;
mod serve;

pub use serve::{serve, serve_both, serve_events, serve_invocations, serve_renewed};

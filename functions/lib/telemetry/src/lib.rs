//! What is said about a request or an event once it is over: one record, from which the log line, the metrics and the status
//! page are made.
//!
//! Knows nothing of what a function does. Begin at [`line`], the record; [`metrics`] is the table of what counts, [`emf`] how
//! CloudWatch reads it off a line.

pub mod emf;
pub mod level;
pub mod line;
pub mod metrics;

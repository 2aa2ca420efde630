//! What is said about a request or an event once it is over: one record, from which the log line, the metrics and the status
//! page are made. And what a process reads of its machine: the time, randomness, its environment.
//!
//! Knows nothing of what a function does. Begin at [`mod@line`], the record; [`arrival`] makes it when a request ends; [`metrics`]
//! is the table of what counts, [`emf`] how CloudWatch reads it off a line, [`stdout`] and [`sink`] where lines go.

pub mod arrival;
pub mod clock;
pub mod emf;
pub mod environment;
pub mod level;
pub mod line;
pub mod metrics;
pub mod sink;
pub mod stdout;

//! `expire`: what goes, what stays, and that nothing stops it from coming right in the end.

mod due;
mod interruptions;
mod reports;
mod room;
mod worlds;

//! What the folder store promises, over its public surface.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod crashes;
mod damage;
mod dice;
mod growing;
mod memory;
mod opening;
mod promises;
mod quarantine;
mod rebuilding;
mod room;
mod simulated;
mod support;

//! What the folder store promises, over its public surface.

mod damage;
mod opening;
mod promises;
mod quarantine;
mod rebuilding;
mod room;
mod support;

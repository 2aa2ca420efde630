//! The program `satchel` as a process of its own: what it takes of the machine, and what it leaves to others.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod connections;
mod disk;
mod folder;
mod index;
mod memory;
mod process;
mod systemd;

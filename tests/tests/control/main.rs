//! What an operator sees of a run and can do to it while it is under way.
#![allow(missing_docs)]

#[macro_use]
mod common;
mod plan;
mod progress;
mod replicas;
mod requests;
mod throttles;
mod triggers;
mod verify;

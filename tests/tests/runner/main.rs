//! The runner on real databases.
#![allow(missing_docs, clippy::unwrap_used)]

#[macro_use]
mod common;
mod refusals;
mod steps;

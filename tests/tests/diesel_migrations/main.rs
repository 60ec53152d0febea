//! The steps among a project's `diesel_migrations`.
#![allow(missing_docs, clippy::unwrap_used)]

#[macro_use]
mod common;
mod cli;
mod order;
mod processes;
mod refusals;
mod revert;

//! Beside a project's own tools: the steps among its `diesel_migrations`, the check at the start of its processes.
#![allow(missing_docs, clippy::unwrap_used)]

#[macro_use]
mod common;
mod cli;
mod order;
mod processes;
mod refusals;
mod revert;
mod startup;
mod step_files;

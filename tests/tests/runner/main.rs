//! The runner on real databases.
#![allow(missing_docs, clippy::unwrap_used)]

#[macro_use]
mod common;
mod company;
mod obstacles;
mod refusals;
mod steps;
mod stops;
mod values;

//! Statements of a process that is behind are built again, and nothing else is.
#![allow(missing_docs, clippy::unwrap_used, dead_code, unreachable_pub)]

#[macro_use]
mod support;

mod bounds;
mod methods;
mod nested;
mod servers;
mod stale;

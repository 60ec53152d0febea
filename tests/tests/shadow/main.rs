//! Reads that look at both columns.
#![allow(missing_docs, clippy::unwrap_used, dead_code, unreachable_pub)]

#[macro_use]
mod support;

mod alarms;
mod gate;
mod predicate;
mod report;
mod rust;
mod sampling;

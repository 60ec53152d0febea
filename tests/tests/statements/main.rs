//! Statements in every phase, on both databases, with both forms of declaration.
//!
//! The phase is given by hand, and so is the physical table of each phase: what moves them in production is not under
//! test here. A scenario is written once, in a file that is a module of each of the combinations it is about.
#![allow(
    clippy::duplicate_mod,
    reason = "a scenario is compiled once per combination"
)]
#![allow(clippy::unwrap_used, reason = "the place of a panic says enough")]
#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "each combination uses its share of the models"
)]

mod forms;
mod support;

mod field_postgres;
mod field_sqlite;
mod multi;
mod postgres;
mod sqlite;
mod table_postgres;
mod table_sqlite;

//! An exhaustive check of the phase rules: every interleaving of everybody who touches one row of a table under migration.
//!
//! The moves, conditions and reactions are those of `expand_contract::phase::rules`, as data. `check.rs` looks at all
//! reachable states; `mutations.rs` takes each rule away in turn and expects a counterexample.

mod check;
mod database;
mod in_place;
mod mutations;
mod runner;
mod system;

//! Diesel's traits for changed columns: everything stays a statement that Diesel's or diesel-async's `RunQueryDsl`
//! executes.
//!
//! | file | what it is |
//! |---|---|
//! | `change` | what the derive says of a changed column |
//! | `columns` | the physical columns that `schema.rs` does not know, as Diesel columns |
//! | `capture` | one phase for all values of a statement, batches included |
//! | `convert` | the old side of a written value |
//! | `converted` | a value that a Rust function made from whichever column was read |
//! | `insert` | a value in an `INSERT` |
//! | `assign` | an assignment in an `UPDATE` or `DO UPDATE SET` |
//! | `read` | the column in a select, filter, order or group-by clause |
//! | `compare` | comparisons that can use an index in every phase |
//! | `names` | the column's name in force, for upserts and raw SQL |
//! | `in_list` | `IN` over a list or a sub-select |
//! | `at` | a statement with a phase of its own |
//! | `record` | how the derives pick between a plain and a changed column |

mod assign;
mod at;
mod capture;
mod change;
mod columns;
mod compare;
mod convert;
mod converted;
mod in_list;
mod insert;
mod names;
mod read;
mod record;

pub use assign::*;
pub use at::*;
pub(crate) use capture::watch;
pub use capture::*;
pub use change::*;
pub use columns::*;
pub use compare::*;
pub(crate) use convert::build_error;
pub use convert::*;
pub use converted::*;
pub use in_list::*;
pub use insert::*;
pub use read::*;
pub use record::*;

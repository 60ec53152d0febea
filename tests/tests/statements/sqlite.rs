//! One form of declaration is enough here: what is under test lies below it.

use crate::support::sqlite::*;

#[path = "batches.rs"]
mod batches;
#[path = "conversions.rs"]
mod conversions;
#[path = "names.rs"]
mod names;
#[path = "plans.rs"]
mod plans;

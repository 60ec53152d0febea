//! The table of `docs/supported.md`: what the derives take, on real tables, in every phase.
#![allow(missing_docs)]

use diesel::prelude::Associations;
use expand_contract::phase::Phase;
use expand_contract::prelude::*;
use tests::phases;

/// A table with one renamed column that has a default.
mod items;
use items::items as table_of_items;
use items::{some, titles, Item};

mod option;

mod parameters;

mod columns;

mod conversions_of_diesel;

mod keys;

mod names;

mod several_tables;

mod associations;

/// As many columns as Diesel's feature `32-column-tables` allows, and two more behind the changed ones.
mod wide;

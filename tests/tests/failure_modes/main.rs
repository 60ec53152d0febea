//! Tests named after the ways in which such systems lose data: each fails when the protection it is named after is gone.
#![allow(missing_docs)]

use std::time::Duration;

use expand_contract::Options;

/// Small batches, little patience.
fn options() -> Options {
    Options::new()
        .batch_size(3)
        .grace(Duration::ZERO)
        .lease(Duration::from_millis(50))
        .lock_timeout(Duration::from_millis(100))
        .retries(2)
}

macro_rules! on_every_database {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            use tests::database::{Db as _, Lite};
            $(#[test] fn $name() { super::$name(&Lite::fresh()); })*
        }
        mod postgres {
            use tests::database::{Db as _, Postgres};
            $(#[test] fn $name() { super::$name(&Postgres::fresh()); })*
        }
    };
}

mod backfill;
mod busy;
mod conversions;
mod drop_column;
mod names;
mod plan;
mod two_migrations;

//! What the old column has, the new one has in the end; and what cannot be carried is said before anything is changed.
#![allow(missing_docs)]

use std::time::Duration;

use expand_contract::phase::Step;
use expand_contract::{MigrateOn, Migration, Options};
use tests::catalogue::{assert_same, of_table};

mod named;
mod obstacles;
mod rename;
mod retype;
mod sqlite;
mod writers;

/// Small batches, little patience.
fn options() -> Options {
    Options::new()
        .batch_size(50)
        .grace(Duration::ZERO)
        .lease(Duration::from_millis(200))
        .lock_timeout(Duration::from_millis(100))
        .quiet_period(Duration::ZERO)
}

/// Goes to each phase and back from it, after which all is as it was.
#[track_caller]
fn rolls_back<T: MigrateOn<diesel::PgConnection>>(
    conn: &mut diesel::PgConnection,
    table: &str,
    migration: fn() -> Migration<T>,
) {
    let before = of_table(conn, table);
    for (step, back) in [
        (Step::Expand, 1),
        (Step::Backfill, 1),
        (Step::Switch, 2),
        (Step::Retire, 3),
    ] {
        let mut there = migration().options(options());
        there.advance_to(conn, step).expect("the step is done");
        for _ in 0..back {
            let mut back = migration().options(options());
            back.rollback(conn).expect("it goes back");
        }
        let when = format!("after a rollback from {step}");
        assert_same(&of_table(conn, table), &before, &when);
    }
}

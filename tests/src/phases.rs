//! The phases of a migration without a runner and a ledger: the table as it is in each, made by hand.

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use expand_contract::__private::{Dialect, Migrate};
use expand_contract::phase::{Phase, Stage};
use expand_contract::Snapshot;

/// Runs `work` in every phase of the table's migration, each time on a database of its own that `create` has set up.
///
/// # Panics
///
/// When SQLite refuses what `create` says.
pub fn each<T: Migrate>(
    create: impl Fn(Phase) -> String,
    work: impl Fn(Phase, &mut SqliteConnection),
) {
    for phase in Phase::ALL {
        within::<T>(Stage::first(phase), &create(phase), |connection| {
            work(phase, connection)
        });
    }
}

/// Runs `work` in one stage of the table's migration, on a database that the statements `create` have set up.
///
/// # Panics
///
/// When SQLite refuses the statements.
pub fn within<T: Migrate>(stage: Stage, create: &str, work: impl FnOnce(&mut SqliteConnection)) {
    let mut connection =
        SqliteConnection::establish(":memory:").expect("a database in memory can be opened");
    connection
        .batch_execute(create)
        .unwrap_or_else(|error| panic!("{error}: {create}"));
    Snapshot::new(T::cell(), stage, Dialect::Sqlite, Vec::new()).scope(|| work(&mut connection));
}

/// Of the definitions of an old and a new column, those that a table has in the phase. Neither may be `NOT NULL`.
pub fn columns(phase: Phase, old: &str, new: &str) -> String {
    match phase {
        Phase::Original => old.to_owned(),
        Phase::Contracted => new.to_owned(),
        Phase::Expanded | Phase::Switched | Phase::Retired => format!("{old}, {new}"),
    }
}

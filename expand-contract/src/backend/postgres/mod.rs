//! PostgreSQL: what it is told without a connection, and what is asked of one.

#[cfg(feature = "postgres-backend")]
mod build;
#[cfg(feature = "postgres-backend")]
mod catalogue;
#[cfg(feature = "postgres-backend")]
mod driver;
mod foreign_keys;
mod identity;
mod in_place;
#[cfg(feature = "postgres-backend")]
mod lock;
mod mirror;
#[cfg(feature = "postgres-backend")]
mod notices;
mod open;
mod part_keys;
mod primary_key;
mod queue;
#[cfg(feature = "postgres-backend")]
mod ranges;
#[cfg(feature = "postgres-backend")]
mod replication;
pub(crate) mod rules;
#[cfg(feature = "postgres-backend")]
mod transactions;
#[cfg(feature = "postgres-backend")]
mod triggers;

#[cfg(feature = "postgres-backend")]
pub(crate) use driver::Server;

use crate::definition::Dialect;

fn quote(name: &str) -> String {
    Dialect::Postgres.quote(name)
}

/// Whether a column of `pg_attribute` has options that somebody has set. Others are the server's: since the minor versions of
/// November 2026 (15.20) every column has `pg_attver`, which says when its type was last changed.
pub(crate) fn has_options(column: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM pg_catalog.unnest({column}.attoptions) o WHERE NOT pg_catalog.starts_with(o, 'pg_'))"
    )
}

#[cfg(feature = "postgres-backend")]
fn one(rows: Vec<Vec<Option<String>>>) -> Option<String> {
    rows.into_iter().flatten().flatten().next()
}

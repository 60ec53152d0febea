//! All that the ledger knows, at a glance: migrations of any release.

use std::time::Duration;

use super::store::{stage, Fields};
use super::table;
use crate::backend::session::Session;
use crate::definition::Dialect;
use crate::error::{Error, While};
use crate::phase::Stage;

/// A migration in the ledger, whoever has put it there.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) id: String,
    pub(crate) generation: u32,
    pub(crate) table: String,
    /// None: a newer release has names that this one does not know.
    pub(crate) stage: Option<Stage>,
    /// For how long its row has been as it is, by the database's clock, in whole seconds.
    pub(crate) age: Duration,
}

/// The migrations in the ledger, of which there must be one. Reads only.
pub(crate) fn overview(s: &mut dyn Session) -> Result<Vec<Known>, Error> {
    let dialect = s.dialect();
    let age = match dialect {
        Dialect::Postgres => {
            "trunc(extract(epoch FROM clock_timestamp() - updated_at))::bigint::text"
        }
        Dialect::Sqlite => "CAST(strftime('%s', 'now') - strftime('%s', updated_at) AS text)",
    };
    let sql = format!(
        "SELECT id, CAST(generation AS text), table_name, CAST(pass AS text), phase, {age} FROM {} ORDER BY id, generation",
        table(dialect, "migrations")
    );
    let rows = s.rows(&sql, &[]).during("reading the ledger")?;
    rows.into_iter()
        .map(|row| {
            let mut row = Fields::new(row);
            let (id, generation, table) = (row.text(), row.number()?, row.text());
            let (pass, phase) = (row.number()?, row.text());
            Ok(Known {
                id,
                generation: u32::try_from(generation).unwrap_or(u32::MAX),
                table,
                stage: stage(pass, &phase).ok(),
                // a clock that was set back
                age: Duration::from_secs(u64::try_from(row.number()?).unwrap_or(0)),
            })
        })
        .collect()
}

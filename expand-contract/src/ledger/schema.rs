//! The ledger's own tables are created, or brought up to this release.

use std::time::Instant;

use super::tables::{
    add_column, create, furnish, mark, place, table, Column, COLUMNS, SCHEMA, TABLES, VERSION,
};
use super::version::meta;
use crate::backend::driver::{driver, Driver};
use crate::backend::session::{transaction, Session};
use crate::backoff::backoff;
use crate::definition::Dialect;
use crate::error::{Error, While};

/// How often the ledger's own locks are asked for.
const ATTEMPTS: u32 = 30;

/// Creates what is missing, and brings an older ledger up to this release.
///
/// Like all DDL of a runner in transactions with short waits for locks: instances that are at work read these tables.
pub(crate) fn ensure(s: &mut dyn Session) -> Result<(), Error> {
    if is_writable(s)? {
        return Ok(());
    }
    let dialect = s.dialect();
    let driver = driver(dialect)?;
    if dialect == Dialect::Sqlite {
        // alone: from here on a transaction can begin with a write (see the backend)
        driver.ddl(s, &create(dialect, &TABLES[1]))?;
    }
    let since = Instant::now();
    for attempt in 1.. {
        match transaction(s, |s| set_up(s, driver)) {
            Err(error) if driver.is_locked(&error) && attempt < ATTEMPTS => {
                std::thread::sleep(backoff(attempt));
            }
            Err(error) if driver.is_locked(&error) => {
                return Err(Error::Locked {
                    action: "setting up the ledger".to_owned(),
                    what: place(dialect).to_owned(),
                    attempts: attempt,
                    waited: since.elapsed(),
                    blockers: Vec::new(),
                })
            }
            result => return result,
        }
    }
    Ok(())
}

/// Whether the ledger is there, in the version of this release; an error if it is a newer release's.
fn is_writable(s: &mut dyn Session) -> Result<bool, Error> {
    let Some(meta) = meta(s)? else {
        return Ok(false);
    };
    meta.check_writable()?;
    Ok(meta.version == VERSION)
}

fn set_up(s: &mut dyn Session, driver: &dyn Driver) -> Result<(), Error> {
    let dialect = s.dialect();
    driver.settle(s)?;
    if dialect == Dialect::Postgres {
        // two runners may come here at once: the second one finds it done, and locks nothing that the first one uses
        driver.ddl(
            s,
            "SELECT pg_advisory_xact_lock(hashtext('expand_contract.ledger'))",
        )?;
        // `to_regclass` goes by a cache that takes no notice of others in the middle of a transaction, unless a relation is
        // locked, as by any query
        let there = "SELECT 'x' FROM pg_catalog.pg_namespace WHERE nspname = 'expand_contract'";
        let there = s.rows(there, &[]).during("looking for the ledger")?;
        if !there.is_empty() && is_writable(s)? {
            return Ok(());
        }
        driver.ddl(s, SCHEMA)?;
    }
    for definition in TABLES {
        driver.ddl(s, &create(dialect, definition))?;
    }
    for column in COLUMNS {
        if dialect == Dialect::Postgres || !has_column(s, column)? {
            driver.ddl(s, &add_column(dialect, column))?;
        }
    }
    for sql in furnish(dialect) {
        driver.ddl(s, &sql)?;
    }
    for sql in mark(dialect) {
        s.execute(&sql, &[]).during("creating the ledger")?;
    }
    Ok(())
}

fn has_column(s: &mut dyn Session, (name, column, ..): &Column) -> Result<bool, Error> {
    let name = table(s.dialect(), name);
    let sql = format!("SELECT 'x' FROM pragma_table_info('{name}') WHERE name = '{column}'");
    let there = s.rows(&sql, &[]).during("extending the ledger")?;
    Ok(!there.is_empty())
}

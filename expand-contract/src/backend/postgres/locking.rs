//! Statements that lock more than the migration's table.

use std::time::Duration;

use super::one;
use super::rules::Postgres;
use crate::backend::rules::Rules;
use crate::backend::session::Session;
use crate::error::{Error, While};
use crate::plan::Other;

const DEADLOCK_TIMEOUT: &str =
    "(SELECT setting::int FROM pg_settings WHERE name = 'deadlock_timeout')";

/// Makes autovacuum leave the tables, which it does only for who has waited for `deadlock_timeout`. Kept to the end of the
/// transaction, this mode is in the way of no reader or writer. A table that the role may alter or refer to, but not lock, is
/// left to the statement itself.
pub(super) fn clear(s: &mut dyn Session, others: &[Other]) -> Result<bool, Error> {
    if others.is_empty() {
        return Ok(true);
    }
    let mut tables: Vec<&Other> = others.iter().collect();
    // everybody in the same order
    tables.sort_by(|a, b| a.sql.cmp(&b.sql));
    tables.dedup_by(|a, b| a.id == b.id);
    let mut sql =
        format!("PERFORM set_config('lock_timeout', ({DEADLOCK_TIMEOUT} * 2 + 500)::text, true); ");
    for table in tables {
        sql.push_str(&format!(
            "BEGIN LOCK TABLE ONLY {} IN SHARE UPDATE EXCLUSIVE MODE; EXCEPTION WHEN insufficient_privilege THEN NULL; END; ",
            table.sql
        ));
    }
    patient(s, &sql)
}

/// Runs a statement with the short timeout; `false`: it did not get a lock in time.
pub(super) fn locking(s: &mut dyn Session, sql: &str, timeout: Duration) -> Result<bool, Error> {
    let short = format!(
        "PERFORM set_config('lock_timeout', greatest(1, least({}, {DEADLOCK_TIMEOUT} / 2))::text, true); ",
        timeout.as_millis().max(1)
    );
    patient(s, &format!("{short}EXECUTE {};", Postgres.literal(sql)))
}

// By condition name: messages are translated, and Diesel does not hand on the code.
fn patient(s: &mut dyn Session, sql: &str) -> Result<bool, Error> {
    let block = format!(
        "BEGIN PERFORM set_config('expand_contract.locked', 'no', true); \
         BEGIN {sql} PERFORM set_config('expand_contract.locked', 'yes', true); \
         EXCEPTION WHEN lock_not_available OR deadlock_detected THEN NULL; END; END"
    );
    s.batch(&format!("DO {}", Postgres.literal(&block)))
        .during(sql)?;
    let rows = s
        .rows(
            "SELECT current_setting('expand_contract.locked', true)",
            &[],
        )
        .during("taking a lock")?;
    Ok(one(rows).as_deref() == Some("yes"))
}

//! The safety net must be whole when reads or writes move to the new column: a writer that knows only one column has kept
//! both right only as long as its triggers fired.

use crate::backend::driver::Driver;
use crate::backend::session::Session;
use crate::catalogue::Table;
use crate::error::Error;
use crate::phase::Step;

/// Refuses to go on if one of the triggers is missing or switched off. Inside the transaction that publishes.
pub(super) fn check(
    s: &mut dyn Session,
    driver: &dyn Driver,
    table: &Table,
    step: Step,
    triggers: &[String],
) -> Result<(), Error> {
    let missing = driver.missing_triggers(s, table, triggers)?;
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::SafetyNetTorn {
        step,
        table: table.name.to_string(),
        triggers: missing,
    })
}

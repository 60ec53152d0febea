//! Where a migration stands: by the ledger, or without one by the catalogue.

use crate::backend::driver::Driver;
use crate::backend::session::Session;
use crate::catalogue::Table;
use crate::definition::{Dialect, MigrationDef, TableName};
use crate::error::Error;
use crate::ledger::{self, Ledger, Row};
use crate::phase::rules::{Standing, Way};
use crate::phase::{Phase, Stage, Step};

/// Where a migration stands.
#[derive(Debug, Clone)]
pub(crate) struct Position {
    pub(crate) stage: Stage,
    pub(crate) way: Way,
    /// The ledger's row; none if the stage was inferred.
    pub(crate) row: Option<Row>,
}

impl Position {
    pub(crate) fn old_incomplete(&self) -> bool {
        self.row.as_ref().is_some_and(|row| row.old_incomplete)
    }

    pub(crate) fn cleanup(&self) -> bool {
        self.row.as_ref().is_some_and(|row| row.cleanup)
    }

    pub(crate) fn backfilled(&self) -> bool {
        self.row.as_ref().is_some_and(|row| row.backfilled)
    }

    pub(crate) fn verified(&self) -> bool {
        self.row.as_ref().is_some_and(|row| row.verified)
    }

    /// Whether the step has anything left to do in the pass that is under way.
    pub(crate) fn pending(&self, step: Step) -> bool {
        self.way.pending(step, self.stage.phase)
    }

    /// The phase, and what a rollback has left to do.
    pub(crate) fn standing(&self) -> Standing {
        Standing::of(self.stage.phase, self.old_incomplete(), self.cleanup())
    }

    /// Whether nobody acts on a phase before this one any more, as far as the ledger knows.
    pub(crate) fn settled(&self) -> bool {
        self.row.as_ref().is_none_or(|row| row.settled)
    }

    /// Whether the step has anything left to do, the waiting behind what it published included.
    pub(crate) fn unfinished(&self, step: Step) -> bool {
        // what a release published that knew of no barrier is waited for by the next step only
        let published = self.row.as_ref().is_some_and(|row| row.published > 0);
        let its_phase = self.way.publishes(step) == Some(self.stage.phase);
        self.pending(step) || (its_phase && published && !self.settled())
    }

    /// Refuses a definition other than the one that was expanded.
    pub(crate) fn check_frozen(
        &self,
        def: &'static MigrationDef,
        ledger: &Ledger,
    ) -> Result<(), Error> {
        match &self.row {
            Some(row) if row.hash != ledger.hash() && !self.replaceable() => {
                Err(Error::DefinitionChanged {
                    migration: def.id.to_owned(),
                    stage: self.stage,
                })
            }
            _ => Ok(()),
        }
    }

    // before the first expand, and after a rollback to it, nothing depends on the definition
    fn replaceable(&self) -> bool {
        self.stage == Stage::first(Phase::Original) && !self.cleanup()
    }

    /// Refuses a binary that does not read what others write, or does not write what others read.
    pub(crate) fn check_sets(&self, def: &'static MigrationDef) -> Result<(), Error> {
        let Some(row) = &self.row else {
            return Ok(());
        };
        compatible(def, self.stage, &row.reads, &row.writes)
    }
}

/// Refuses a binary that does not read what others write, or does not write what others read; both sets one column a line.
pub(crate) fn compatible(
    def: &'static MigrationDef,
    stage: Stage,
    their_reads: &str,
    their_writes: &str,
) -> Result<(), Error> {
    let (reads, writes) = (ledger::reads(def, stage), ledger::writes(def, stage));
    let (their_reads, their_writes): (Vec<&str>, Vec<&str>) = (
        their_reads.lines().collect(),
        their_writes.lines().collect(),
    );
    let within = |inner: &[&str], outer: &[&str]| inner.iter().all(|c| outer.contains(c));
    if within(&reads, &their_writes) && within(&their_reads, &writes) {
        return Ok(());
    }
    Err(Error::Incompatible {
        migration: def.id,
        stage,
        reads: reads.join(", "),
        writes: writes.join(", "),
        ledger_reads: their_reads.join(", "),
        ledger_writes: their_writes.join(", "),
    })
}

/// The ledger's row, else what the catalogue allows to infer. Reads only.
pub(crate) fn locate(
    s: &mut dyn Session,
    driver: &dyn Driver,
    ledger: &Ledger,
    def: &'static MigrationDef,
    name: &TableName,
) -> Result<Position, Error> {
    let way = def.way(s.dialect());
    let known = |row: Row| Position {
        stage: row.stage,
        way,
        row: Some(row),
    };
    if let Some(row) = ledger.row(s)? {
        return Ok(known(row));
    }
    let stage = match inferred(s, driver, def, name) {
        Err(error @ Error::Database { .. }) => return Err(error),
        stage => stage,
    };
    // the columns may be those of a phase that was the first to be published, after the look at the ledger
    if let Some(row) = ledger.row(s)? {
        return Ok(known(row));
    }
    Ok(Position {
        stage: stage?,
        way,
        row: None,
    })
}

/// Where the columns say that a migration stands.
fn inferred(
    s: &mut dyn Session,
    driver: &dyn Driver,
    def: &'static MigrationDef,
    name: &TableName,
) -> Result<Stage, Error> {
    let table = driver
        .columns(s, name)?
        .ok_or_else(|| Error::TableNotFound {
            table: name.to_string(),
        })?;
    let mut phase = None;
    for change in def.changes {
        let found = infer(s, driver, &table, def, change)?;
        if phase.is_some_and(|known| known != found) {
            return Err(Error::Unsupported {
                what: format!(
                    "{name}, where some changes of migration `{}` are done and others are not",
                    def.id
                ),
                instead: "give the new changes a migration id or generation of their own"
                    .to_owned(),
            });
        }
        phase = Some(found);
    }
    let stage = match phase.unwrap_or(Phase::Original) {
        Phase::Contracted if def.two_passes() => Stage::second(Phase::Contracted),
        phase => Stage::first(phase),
    };
    Ok(stage)
}

fn infer(
    s: &mut dyn Session,
    driver: &dyn Driver,
    table: &Table,
    def: &'static MigrationDef,
    change: &crate::definition::ChangeDef,
) -> Result<Phase, Error> {
    let both = |new: &str| Error::BothColumns {
        table: table.name.to_string(),
        migration: def.id.to_owned(),
        old: change.old.to_owned(),
        new: new.to_owned(),
        ledger: ledger::place(table.dialect),
    };
    let missing = || Error::ColumnMissing {
        table: table.name.to_string(),
        old: change.old.to_owned(),
        new: change.new.to_owned(),
    };
    let same_name = match table.dialect {
        Dialect::Sqlite => change.old.eq_ignore_ascii_case(change.new),
        Dialect::Postgres => change.old == change.new,
    };
    if let (Some(via), true) = (change.via, same_name) {
        // one name: only the type tells before from after
        return match (table.column(change.old), table.has(via)) {
            (None, _) => Err(missing()),
            (Some(_), true) => Err(both(via)),
            (Some(column), false) => match change.new_type.get(table.dialect) {
                Some(declared) if driver.same_type(s, &column.type_sql, declared)? => {
                    Ok(Phase::Contracted)
                }
                _ => Ok(Phase::Original),
            },
        };
    }
    match (table.has(change.old), table.has(change.new)) {
        (true, false) => Ok(Phase::Original),
        (false, true) => Ok(Phase::Contracted),
        (true, true) => Err(both(change.new)),
        (false, false) => Err(missing()),
    }
}

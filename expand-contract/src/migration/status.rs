//! Where a migration stands: what people are told of it, and what statements need to know.

use super::{table_name, Migrate, MigrateOn};
use crate::backend::ConnectionSession;
use crate::backend::RunnerConnection;
use crate::definition::Dialect;
use crate::error::Error;
use crate::ledger;
use crate::options::Options;
use crate::phase::{Phase, Stage};
use crate::progress::RunReport;
use crate::request::Request;
use crate::runner::{Position, Runner};
use crate::shadow::ShadowReads;
use crate::state::{PhaseCell, Snapshot};
use crate::stranger::Stranger;
use crate::verification::Verification;
use crate::waiting::{Instance, Override};

/// Where a migration stands.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Status {
    /// The migration's id.
    pub migration: &'static str,
    /// The table.
    pub table: String,
    /// Pass and phase.
    pub stage: Stage,
    /// The old column misses what was written since `retire`; `rollback` goes on with copying it back.
    pub old_incomplete: bool,
    /// The new column is left over from a rollback that was interrupted; `rollback` or `expand` drops it.
    pub leftover: bool,
    /// Whether the ledger says so; otherwise it was read off the columns.
    pub in_ledger: bool,
    /// How often the phase has changed.
    pub epoch: i64,
    /// Whether the copy was completed.
    pub backfilled: bool,
    /// Whether the last comparison found no difference.
    pub verified: bool,
    /// How many rows the last comparison found to differ.
    pub mismatches: Option<u64>,
    /// How many rows wait to be converted by a Rust function, because one of their columns was written without the other.
    pub queued: u64,
    /// Since when the first of them waits, as the database prints it.
    pub queued_since: Option<String>,
    /// Who moved it last.
    pub runner: Option<String>,
    /// When the ledger's row changed last, as the database prints it.
    pub updated_at: Option<String>,
    /// The ledger's epoch at which the phase was published: what instances acknowledge. 0 without a ledger.
    pub published: i64,
    /// Whether nobody acts on an earlier phase any more; the next step waits for that before anything else.
    pub settled: bool,
    /// The processes that are registered for the migration.
    pub instances: Vec<Instance>,
    /// The gates that were passed while they were closed.
    pub overrides: Vec<Override>,
    /// Who was seen to write only one of the columns, the latest first.
    pub strangers: Vec<Stranger>,
    /// What reads that looked at both columns have found since `expand`, as far as it was reported.
    pub shadow_reads: ShadowReads,
    /// The result of the last comparison of all rows.
    pub verification: Option<Verification>,
    /// What an operator asks of whoever runs it, while that stands.
    pub request: Option<Request>,
    /// How far the run is that worked on it last, whichever process it is or was in.
    pub progress: Option<RunReport>,
}

pub(super) fn read<M: Migrate>(runner: &mut Runner<'_>) -> Result<(Snapshot, Status), Error> {
    let position = runner.position()?;
    let snapshot = snapshot_of(M::cell(), runner, &position, true)?;
    let status = status(runner.def.id, runner.name.to_string(), &position);
    Ok((snapshot, status))
}

/// What statements need to know at the position. `shadow`: whether shadow reads are worth a look at the catalogue where
/// nothing else is.
pub(super) fn snapshot_of(
    cell: &'static PhaseCell,
    runner: &mut Runner<'_>,
    position: &Position,
    shadow: bool,
) -> Result<Snapshot, Error> {
    let dialect = runner.s.dialect();
    let mut old_types = vec![None; cell.definition().changes.len()];
    let mut sql = None;
    let casts = dialect == Dialect::Postgres;
    if (casts || shadow) && position.stage.phase != Phase::Contracted {
        match runner.facts_for_statements() {
            Ok(facts) => {
                sql = runner.shadow_sql(&facts)?;
                for change in facts.changes.into_iter().filter(|_| casts) {
                    if let Some(place) = old_types.get_mut(change.index) {
                        *place = Some(change.frozen.old_type);
                    }
                }
            }
            Err(error) if casts => return Err(error),
            // statements do without; the runner says what is wrong with the table
            Err(_) => {}
        }
    }
    let epoch = position.row.as_ref().map_or(0, |row| row.epoch);
    Ok(Snapshot::new(cell, position.stage, dialect, old_types)
        .with_epoch(epoch)
        .with_old_incomplete(position.old_incomplete())
        .with_shadow(sql))
}

fn status(migration: &'static str, table: String, position: &Position) -> Status {
    let stage = position.stage;
    let row = position.row.as_ref();
    Status {
        migration,
        table: row.map_or(table, |row| row.table.clone()),
        stage,
        old_incomplete: position.old_incomplete(),
        leftover: position.cleanup(),
        in_ledger: row.is_some(),
        epoch: row.map_or(0, |row| row.epoch),
        backfilled: position.backfilled(),
        verified: position.verified(),
        mismatches: row.and_then(|row| row.mismatches),
        queued: 0,
        queued_since: None,
        runner: row.and_then(|row| row.runner.clone()),
        updated_at: row.map(|row| row.updated_at.clone()),
        published: row.map_or(0, |row| row.published),
        settled: position.settled(),
        instances: Vec::new(),
        overrides: Vec::new(),
        strangers: Vec::new(),
        shadow_reads: ShadowReads::default(),
        verification: None,
        request: None,
        progress: None,
    }
}

// with the lists, which a statement's phase does not need, and a ledger that an older release keeps does not have
pub(super) fn company(runner: &mut Runner<'_>, mut status: Status) -> Result<Status, Error> {
    if !ledger::is_current(runner.s)? {
        return Ok(status);
    }
    status.request = runner.ledger.request(runner.s)?;
    status.progress = runner.ledger.run(runner.s)?;
    if status.in_ledger {
        let registered = runner.ledger.instances(runner.s)?.into_iter();
        status.instances = registered.map(|row| row.instance).collect();
        status.overrides = runner.ledger.overrides(runner.s)?;
        status.strangers = runner.ledger.strangers(runner.s)?;
        status.shadow_reads = runner.ledger.shadow_reads(runner.s)?;
        (status.queued, status.queued_since) = runner.waiting()?;
        if let Some(row) = runner.ledger.row(runner.s)? {
            status.verification = runner.ledger.verification(runner.s, &row)?;
        }
    }
    Ok(status)
}

/// The snapshot of one migration, read on the connection as it is (inside a transaction too).
pub(crate) fn snapshot_here<M, C>(conn: &mut C) -> Result<Snapshot, Error>
where
    C: RunnerConnection,
    M: MigrateOn<C>,
{
    with_looker::<M, C, _>(conn, &mut Options::default(), |runner| {
        let position = runner.position()?;
        position.check_sets(M::cell().definition())?;
        snapshot_of(M::cell(), runner, &position, false)
    })
}

/// `work` with a runner that only looks, on the connection as it is (inside a transaction too).
pub(crate) fn with_looker<M, C, T>(
    conn: &mut C,
    options: &mut Options,
    work: impl FnOnce(&mut Runner<'_>) -> Result<T, Error>,
) -> Result<T, Error>
where
    C: RunnerConnection,
    M: MigrateOn<C>,
{
    let mut session = ConnectionSession::<_, C>::new(conn, Vec::new());
    let def = M::cell().definition();
    let name = table_name::<M, C>()?;
    work(&mut Runner::new(&mut session, def, name, options)?)
}

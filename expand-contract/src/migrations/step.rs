//! One step as Diesel knows a migration.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

use diesel::connection::BoxableConnection;
use diesel::migration::{Migration as DieselMigration, MigrationMetadata, MigrationName, Result};
use diesel::ConnectionResult;

use super::name::StepName;
use super::TimelineError;
use crate::backend::session::Session;
use crate::backend::ConnectionSession;
use crate::backend::RunnerConnection;
use crate::definition::MigrationDef;
use crate::error::{Error, While};
use crate::ledger::{self, Ledger};
use crate::migration::{table_name, MigrateOn, Migration, Status};
use crate::options::Options;
use crate::phase::place::Place;
use crate::phase::{Pass, Phase, Stage, Step};

type MakeOptions = Arc<dyn Fn() -> Options + Send + Sync>;
type Connect<C> = Arc<dyn Fn() -> ConnectionResult<C> + Send + Sync>;

/// What a caller may set, for all steps.
pub(super) struct Settings<C> {
    pub(super) options: Option<MakeOptions>,
    pub(super) connect: Option<Connect<C>>,
}

impl<C> Default for Settings<C> {
    fn default() -> Self {
        Settings {
            options: None,
            connect: None,
        }
    }
}

impl<C> Clone for Settings<C> {
    fn clone(&self) -> Self {
        Settings {
            options: self.options.clone(),
            connect: self.connect.clone(),
        }
    }
}

/// A migration without its type.
pub(super) struct Work<C: RunnerConnection> {
    definition: fn() -> &'static MigrationDef,
    run: fn(&mut C, Place, &Settings<C>) -> std::result::Result<(), Error>,
    revert: fn(&mut C, Place, &Settings<C>) -> Result<()>,
}

impl<C: RunnerConnection> Clone for Work<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: RunnerConnection> Copy for Work<C> {}

impl<C: RunnerConnection> Work<C> {
    pub(super) fn of<M: MigrateOn<C>>() -> Self
    where
        C: 'static,
    {
        Work {
            definition: || M::cell().definition(),
            run: run::<M, C>,
            revert: revert::<M, C>,
        }
    }

    pub(super) fn definition(&self) -> &'static MigrationDef {
        (self.definition)()
    }
}

/// The metadata of every step.
///
/// Has a size, so that the static below has an address of its own.
struct Outside(#[allow(dead_code)] u8);

impl MigrationMetadata for Outside {
    fn run_in_transaction(&self) -> bool {
        false
    }
}

static OUTSIDE: Outside = Outside(0);

/// Whether the migration is a step of a timeline: it has a lease of its own.
pub(super) fn is_step<DB: diesel::backend::Backend>(migration: &dyn DieselMigration<DB>) -> bool {
    std::ptr::addr_eq(migration.metadata(), &OUTSIDE)
}

/// A step in a timeline.
pub(super) struct StepMigration<C: RunnerConnection> {
    name: StepName,
    place: Place,
    work: Work<C>,
    settings: Settings<C>,
}

impl<C: RunnerConnection> StepMigration<C> {
    pub(super) fn new(name: StepName, place: Place, work: Work<C>, settings: Settings<C>) -> Self {
        StepMigration {
            name,
            place,
            work,
            settings,
        }
    }
}

fn concrete<C>(
    conn: &mut dyn BoxableConnection<C::Backend>,
) -> std::result::Result<&mut C, TimelineError>
where
    C: RunnerConnection + 'static,
    C::Backend: 'static,
{
    conn.downcast_mut::<C>()
        .ok_or_else(|| TimelineError::OtherConnection {
            expected: std::any::type_name::<C>(),
        })
}

impl<C> DieselMigration<C::Backend> for StepMigration<C>
where
    C: RunnerConnection + 'static,
    C::Backend: 'static,
{
    fn run(&self, conn: &mut dyn BoxableConnection<C::Backend>) -> Result<()> {
        Ok((self.work.run)(
            concrete(conn)?,
            self.place,
            &self.settings,
        )?)
    }

    fn revert(&self, conn: &mut dyn BoxableConnection<C::Backend>) -> Result<()> {
        (self.work.revert)(concrete(conn)?, self.place, &self.settings)
    }

    fn metadata(&self) -> &dyn MigrationMetadata {
        &OUTSIDE
    }

    fn name(&self) -> &dyn MigrationName {
        &self.name
    }
}

fn migration<M, C>(conn: &mut C, settings: &Settings<C>) -> std::result::Result<Migration<M>, Error>
where
    C: RunnerConnection + 'static,
    M: MigrateOn<C>,
{
    let mut options = settings
        .options
        .as_ref()
        .map_or_else(Options::new, |make| make());
    if nobody_is_concerned::<M, C>(conn)? {
        options = options.grace(Duration::ZERO);
    }
    let migration = M::migration().options(options);
    Ok(match settings.connect.clone() {
        Some(connect) => migration.connect_with(move || connect()),
        None => migration,
    })
}

// New installations and tests run through all migrations: a table without rows, which no instance is registered for, needs no
// time for statements on their way.
fn nobody_is_concerned<M, C>(conn: &mut C) -> std::result::Result<bool, Error>
where
    C: RunnerConnection,
    M: MigrateOn<C>,
{
    let name = table_name::<M, C>()?;
    let mut session = ConnectionSession::<_, C>::new(conn, Vec::new());
    let s: &mut dyn Session = &mut session;
    let ledger = Ledger::new(s.dialect(), M::cell().definition());
    if ledger::is_current(s)? && ledger.is_served(s)? {
        return Ok(false);
    }
    let sql = format!("SELECT 'x' FROM {} LIMIT 1", name.quoted(s.dialect()));
    let rows = s
        .rows(&sql, &[])
        .during(format!("looking for rows in {name}"))?;
    Ok(rows.is_empty())
}

// The place is reached, whoever has moved the migration before.
fn run<M, C>(conn: &mut C, place: Place, settings: &Settings<C>) -> std::result::Result<(), Error>
where
    C: RunnerConnection + 'static,
    M: MigrateOn<C>,
{
    let mut migration = migration::<M, C>(conn, settings)?;
    let mut stage = migration.status(conn)?.stage;
    if stage.pass < place.pass {
        stage = migration.advance_to(conn, Step::Contract)?.stage;
    }
    if stage.pass == place.pass && !is_over(stage, M::cell().definition()) {
        migration.advance_to(conn, place.step)?;
    }
    Ok(())
}

fn is_over(stage: Stage, def: &MigrationDef) -> bool {
    stage.phase == Phase::Contracted && (stage.pass == Pass::Second || !def.two_passes())
}

fn revert<M, C>(conn: &mut C, place: Place, settings: &Settings<C>) -> Result<()>
where
    C: RunnerConnection + 'static,
    M: MigrateOn<C>,
{
    let mut migration = migration::<M, C>(conn, settings)?;
    let status = migration.status(conn)?;
    match undo(&status, place) {
        Undo::Nothing => Ok(()),
        Undo::Rollback => {
            migration.rollback(conn)?;
            Ok(())
        }
        Undo::NotYet => Err(Box::new(TimelineError::NotTheLast {
            migration: status.migration,
            step: place.step,
            stage: status.stage,
        })),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Undo {
    // it has published nothing, or was undone before
    Nothing,
    Rollback,
    // steps behind it have run
    NotYet,
}

fn undo(status: &Status, place: Place) -> Undo {
    let stage = status.stage;
    // where the step leads; copying and comparing lead nowhere, they are over when `expand` is undone
    let to = match (place.step.publishes(), place.pass) {
        (None, pass) => (pass, Phase::Expanded),
        // the end of the first pass is the beginning of the second
        (Some(Phase::Contracted), Pass::First) if stage.pass == Pass::Second => {
            (Pass::Second, Phase::Original)
        }
        (Some(phase), pass) => (pass, phase),
    };
    match (stage.pass, stage.phase).cmp(&to) {
        Ordering::Greater => Undo::NotYet,
        Ordering::Equal if place.step.publishes().is_some() => Undo::Rollback,
        Ordering::Equal => Undo::Nothing,
        // a rollback that was interrupted behind its publication
        Ordering::Less if place.step == Step::Retire && status.old_incomplete => Undo::Rollback,
        Ordering::Less if place.step == Step::Expand && status.leftover => Undo::Rollback,
        Ordering::Less => Undo::Nothing,
    }
}

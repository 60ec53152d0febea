//! One look at the start of a process: does this binary fit the database, and has anybody forgotten a migration?
//!
//! ```no_run
//! # use diesel::prelude::*;
//! # use expand_contract::prelude::*;
//! # diesel::table! { versions (id) { id -> Integer, digest -> Text, } }
//! # #[derive(Queryable, Selectable, Insertable, Migrate)]
//! # #[diesel(table_name = versions)]
//! # struct Version { id: i32, #[migrate(rename_from = "checksum")] digest: String }
//! use expand_contract::startup::{self, Severity};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let mut conn = SqliteConnection::establish("app.db")?;
//! let report = startup::of::<versions::table>().check(&mut conn)?;
//! for finding in report.findings() {
//!     eprintln!("{finding}");
//! }
//! // an error that names all of them, if this binary must not serve
//! report.refuse_at(Severity::Refusal)?;
//! # Ok(())
//! # }
//! ```
//!
//! It compares what is compiled in with the ledger and the tables, and writes nothing: it works for a role that may only read,
//! in a read-only transaction and on a hot standby, whose own copy of the ledger it reads. It leaves the process's phase alone,
//! which [`Migration::load`](crate::Migration::load) or a [`Lease`](crate::Lease) sets.

mod finding;

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

pub use finding::{Finding, Severity, StartupError};

use crate::backend::session::Session;
use crate::backend::ConnectionSession;
use crate::backend::RunnerConnection;
use crate::error::Error;
use crate::ledger::{self, Known, VERSION};
use crate::migration::Member;
use crate::options::Options;
use crate::phase::{Pass, Phase, Stage};
use crate::pinned::Pinned;
use crate::runner::Runner;

/// A check of one migration or a tuple of them, before it is made.
pub fn of<M>() -> Check<M> {
    Check {
        overdue_after: Duration::from_secs(30 * 24 * 60 * 60),
        of: PhantomData,
    }
}

/// See [`of`].
#[must_use = "it looks when `check` is called"]
pub struct Check<M> {
    overdue_after: Duration,
    of: PhantomData<fn() -> M>,
}

impl<M> fmt::Debug for Check<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check")
            .field("overdue_after", &self.overdue_after)
            .finish()
    }
}

impl<M> Check<M> {
    /// How long a migration may stand still between `expand` and `contract`, and how long its annotation may stay when it is
    /// over (30 days), by the database's clock. Then [`Finding::Overdue`] and [`Finding::Over`].
    pub fn overdue_after(mut self, time: Duration) -> Self {
        self.overdue_after = time;
        self
    }

    /// Looks. Reads only.
    ///
    /// # Errors
    /// The database cannot be asked. Everything that it answers is in the report.
    pub fn check<C>(self, conn: &mut C) -> Result<Report, Error>
    where
        C: RunnerConnection,
        M: Pinned<C>,
    {
        let members = M::members()?;
        let mut session = ConnectionSession::<_, C>::new(conn, Vec::new());
        let findings = look(&mut session, &members, self.overdue_after)?;
        Ok(Report { findings })
    }
}

/// What a [check](of) has found.
#[derive(Debug)]
#[must_use = "what was found is for somebody to read"]
pub struct Report {
    findings: Vec<Finding>,
}

impl Report {
    /// What was found, in the order of the migrations; empty: all is well.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// An error of all findings of this severity or a higher one, if there are any.
    ///
    /// # Errors
    /// [`StartupError`], which says them all.
    pub fn refuse_at(self, severity: Severity) -> Result<(), StartupError> {
        let mut findings = self.findings;
        findings.retain(|finding| finding.severity() >= severity);
        match findings.is_empty() {
            true => Ok(()),
            false => Err(StartupError { findings }),
        }
    }
}

/// One finding a line.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        finding::lines(&self.findings, f)
    }
}

fn look(
    s: &mut dyn Session,
    members: &[Member],
    overdue_after: Duration,
) -> Result<Vec<Finding>, Error> {
    let dialect = s.dialect();
    let mut findings = Vec::new();
    let known = match ledger::meta(s) {
        Ok(None) => {
            findings.push(Finding::NoLedger {
                ledger: ledger::place(dialect),
            });
            Vec::new()
        }
        Ok(Some(meta)) => {
            let (found, ours) = (meta.version, VERSION);
            if found != ours {
                findings.push(Finding::LedgerVersion { found, ours });
            }
            ledger::overview(s)?
        }
        // there is nothing in it that this release could make out
        Err(error @ Error::LedgerVersion { .. }) => return Ok(vec![Finding::Unfit { error }]),
        Err(error) => return Err(error),
    };
    let mut untouched = true;
    for member in members {
        let (found, stage) = member_of(s, member)?;
        untouched &= stage.is_some_and(|stage| stage.phase == Phase::Contracted);
        findings.extend(found);
        let def = member.cell.definition();
        let row = known
            .iter()
            .find(|known| known.id == def.id && known.generation == def.generation);
        findings.extend(row.and_then(|row| age_of(row, def.two_passes(), overdue_after)));
    }
    // a database that was made with the new columns needs none
    if untouched && known.is_empty() {
        findings.retain(|finding| !matches!(finding, Finding::NoLedger { .. }));
    }
    findings.extend(known.iter().filter_map(|known| stranger(known, members)));
    Ok(findings)
}

// what is to be said of a compiled-in migration, and where it stands
fn member_of(s: &mut dyn Session, member: &Member) -> Result<(Vec<Finding>, Option<Stage>), Error> {
    let def = member.cell.definition();
    let mut options = Options::default();
    let mut runner = Runner::new(s, def, member.name.clone(), &mut options)?;
    let position = match runner.position() {
        Ok(position) => position,
        Err(error) => return Ok((vec![unfit(error)?], None)),
    };
    let stage = position.stage;
    let mut findings = Vec::new();
    for checked in [
        position.check_frozen(def, &runner.ledger),
        position.check_sets(def),
    ] {
        if let Err(error) = checked {
            findings.push(unfit(error)?);
        }
    }
    if stage.phase == Phase::Original {
        findings.push(Finding::NotExpanded {
            migration: def.id,
            table: member.name.to_string(),
            stage,
        });
    }
    Ok((findings, Some(stage)))
}

// what says that binary and database do not fit; what says that the question could not be asked remains an error
fn unfit(error: Error) -> Result<Finding, Error> {
    match error {
        Error::NewerGeneration { .. }
        | Error::DefinitionChanged { .. }
        | Error::Incompatible { .. }
        | Error::LedgerName(_)
        | Error::TableNotFound { .. }
        | Error::ColumnMissing { .. }
        | Error::BothColumns { .. }
        | Error::Unsupported { .. } => Ok(Finding::Unfit { error }),
        error => Err(error),
    }
}

fn age_of(known: &Known, two_passes: bool, limit: Duration) -> Option<Finding> {
    let stage = known.stage?;
    if known.age < limit {
        return None;
    }
    let (migration, table, age) = (known.id.clone(), known.table.clone(), known.age);
    let over = stage.phase == Phase::Contracted && (stage.pass == Pass::Second || !two_passes);
    if over {
        return Some(Finding::Over {
            migration,
            table,
            age,
        });
    }
    (stage != Stage::first(Phase::Original)).then_some(Finding::Overdue {
        migration,
        table,
        stage,
        age,
    })
}

// a migration that is under way and that this binary has not compiled in
fn stranger(known: &Known, members: &[Member]) -> Option<Finding> {
    let ours = members.iter().any(|member| {
        let def = member.cell.definition();
        // of another generation, the position has said it
        known.id == def.id && known.generation >= def.generation
    });
    let at_rest = known.stage.is_some_and(|stage| {
        stage.phase == Phase::Contracted || stage == Stage::first(Phase::Original)
    });
    (!ours && !at_rest).then(|| Finding::Unknown {
        migration: known.id.clone(),
        generation: known.generation,
        table: known.table.clone(),
        stage: known.stage,
    })
}

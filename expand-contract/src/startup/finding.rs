//! What a check at the start of a process can find.

use std::fmt;
use std::time::Duration;

use crate::error::Error;
use crate::phase::{Phase, Stage};

/// How serious a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// The binary may serve; somebody should see to it all the same.
    Hint,
    /// The binary must not serve: its statements would fail, or do harm.
    Refusal,
}

/// One thing that was found.
#[derive(Debug)]
#[non_exhaustive]
pub enum Finding {
    /// There is no ledger: no step was ever run in this database.
    NoLedger {
        /// Where it belongs.
        ledger: &'static str,
    },
    /// Another release keeps the ledger, and this one may read it. An older one's is brought up to date by the next step; on a
    /// newer one's this release serves, but does not run steps.
    LedgerVersion {
        /// The ledger's version.
        found: u32,
        /// This release's.
        ours: u32,
    },
    /// The migration has not begun, or its second pass has not.
    NotExpanded {
        /// The migration.
        migration: &'static str,
        /// Its table.
        table: String,
        /// Where it stands.
        stage: Stage,
    },
    /// Binary and database do not fit. Which way is in the error: [`Error::NewerGeneration`], [`Error::DefinitionChanged`],
    /// [`Error::Incompatible`], [`Error::LedgerVersion`], [`Error::LedgerName`] and, where no step has said anything yet, what
    /// is wrong with the table: [`Error::TableNotFound`], [`Error::ColumnMissing`], [`Error::BothColumns`].
    Unfit {
        /// What does not fit.
        error: Error,
    },
    /// A migration has stood still between its first step and its last for longer than the set time.
    Overdue {
        /// The migration.
        migration: String,
        /// Its table.
        table: String,
        /// Where it stands.
        stage: Stage,
        /// For how long, in whole seconds.
        age: Duration,
    },
    /// A migration has been over for longer than the set time, and is compiled in still.
    Over {
        /// The migration.
        migration: String,
        /// Its table.
        table: String,
        /// For how long, in whole seconds.
        age: Duration,
    },
    /// A migration is under way that is not among those that were asked for: of an earlier or later release, or of another
    /// program.
    Unknown {
        /// The migration.
        migration: String,
        /// Its generation.
        generation: u32,
        /// Its table.
        table: String,
        /// Where it stands; none if this release does not know the phase's name.
        stage: Option<Stage>,
    },
}

impl Finding {
    /// How serious it is.
    pub fn severity(&self) -> Severity {
        match self {
            Finding::Unfit { .. } => Severity::Refusal,
            Finding::NoLedger { .. }
            | Finding::LedgerVersion { .. }
            | Finding::NotExpanded { .. }
            | Finding::Overdue { .. }
            | Finding::Over { .. }
            | Finding::Unknown { .. } => Severity::Hint,
        }
    }
}

// days, or what there is of one
fn ago(age: Duration) -> String {
    let seconds = age.as_secs();
    match seconds {
        ..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn next(phase: Phase) -> &'static str {
    match phase {
        Phase::Original => "expand it",
        Phase::Expanded => "go on with backfill, verify and switch, or roll it back",
        Phase::Switched => {
            "go on with retire and contract, which drop the old column, or roll it back"
        }
        Phase::Retired | Phase::Contracted => "go on with contract, which drops the old column",
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::NoLedger { ledger } => write!(
                f,
                "there is no ledger ({ledger}): no step was run in this database yet"
            ),
            Finding::LedgerVersion { found, ours } if found < ours => write!(
                f,
                "the ledger has version {found}, this release keeps {ours}: `Migration::prepare` or the next step brings it up"
            ),
            Finding::LedgerVersion { found, ours } => write!(
                f,
                "the ledger has version {found}, this release keeps {ours}: it may serve; run steps with the newer release"
            ),
            Finding::NotExpanded {
                migration,
                table,
                stage,
            } => write!(f, "migration `{migration}` of {table} is {stage}: its next step is expand"),
            Finding::Unfit { error } => error.fmt(f),
            Finding::Overdue {
                migration,
                table,
                stage,
                age,
            } => write!(
                f,
                "migration `{migration}` of {table} has been {stage} for {}: {}",
                ago(*age),
                next(stage.phase)
            ),
            Finding::Over {
                migration,
                table,
                age,
            } => write!(
                f,
                "migration `{migration}` of {table} has been over for {}: its annotation can be taken out, when every \
                 database has come that far",
                ago(*age)
            ),
            Finding::Unknown {
                migration,
                generation,
                table,
                stage,
            } => {
                write!(f, "migration `{migration}`")?;
                if *generation > 1 {
                    write!(f, " (generation {generation})")?;
                }
                let stage = stage.map_or_else(|| "under way".to_owned(), |stage| stage.to_string());
                write!(
                    f,
                    " of {table} is {stage} and was not asked for here: another release or program runs it, or its annotation was \
                     taken out too early"
                )
            }
        }
    }
}

pub(super) fn lines(findings: &[Finding], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (n, finding) in findings.iter().enumerate() {
        if n > 0 {
            f.write_str("\n")?;
        }
        fmt::Display::fmt(finding, f)?;
    }
    Ok(())
}

/// Why a process should not start: everything that was found of the severity that was asked for.
#[derive(Debug, thiserror::Error)]
pub struct StartupError {
    pub(super) findings: Vec<Finding>,
}

impl StartupError {
    /// What was found.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

impl fmt::Display for StartupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        lines(&self.findings, f)
    }
}

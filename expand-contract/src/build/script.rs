//! The one call of a build script.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use super::finding::{Level, Report};
use super::lints::{InUse, Lints};
use super::models::Models;
use super::snapshot::{self, Snapshot};
use super::source;
use super::steps::StepFiles;

/// What a build script checks.
///
/// ```no_run
/// // build.rs
/// use expand_contract::build::{Build, Database, Lints, Models, Snapshot};
///
/// fn main() -> std::process::ExitCode {
///     Build::new()
///         .models(Models::new().tree("src/lib.rs"))
///         .snapshot(Snapshot::new("expand-contract.snapshot"))
///         .migrations(Lints::new("migrations", Database::Postgres).after("2026-01-31-000000"))
///         .run()
/// }
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "nothing is checked before `run` or `check`"]
pub struct Build {
    models: Option<Models>,
    lints: Vec<Lints>,
    snapshot: Option<Snapshot>,
    steps: Vec<StepFiles>,
}

impl Build {
    /// Checks nothing yet.
    pub fn new() -> Self {
        Build::default()
    }

    /// The models, which the derives will see too.
    pub fn models(mut self, models: Models) -> Self {
        self.models = Some(models);
        self
    }

    /// A folder of migrations. What the models read is added to what the lints know.
    pub fn migrations(mut self, lints: Lints) -> Self {
        self.lints.push(lints);
        self
    }

    /// The committed snapshot of what the models read; needs [`Build::models`].
    pub fn snapshot(mut self, snapshot: Snapshot) -> Self {
        self.snapshot = Some(snapshot);
        self
    }

    /// The steps of the migrations as files, for one database; needs [`Build::models`].
    pub fn steps(mut self, steps: StepFiles) -> Self {
        self.steps.push(steps);
        self
    }

    /// Reads and checks everything; says nothing to anybody. Writes nothing, except a snapshot and files of steps that are to
    /// be accepted, and the files of steps in `OUT_DIR`.
    pub fn check(&self) -> Report {
        let mut report = Report::default();
        let models = self.models.as_ref().map(Models::read);
        if let Some(models) = &models {
            report.merge(models.report().clone());
        }
        let snapshot = self.snapshot.as_ref().zip(models.as_ref());
        let snapshot = snapshot.map(|(snapshot, models)| snapshot.check(models));
        if let Some(snapshot) = &snapshot {
            report.merge(snapshot.report.clone());
        }
        let mut histories = Vec::new();
        for lints in &self.lints {
            let (checked, history) = match &models {
                Some(models) => {
                    let also = |in_use: &mut InUse| {
                        if let Some(snapshot) = &snapshot {
                            snapshot.add_to(in_use);
                        }
                    };
                    lints.clone().also_in_use(models, also).check_and_remember()
                }
                None => lints.check_and_remember(),
            };
            report.merge(checked);
            histories.push((lints.database(), history));
        }
        if let Some(models) = &models {
            for steps in &self.steps {
                report.merge(steps.check(models, &histories));
            }
        }
        report
    }

    /// Checks everything and tells cargo: what to watch, what to warn of, and, on the standard error, every error as a
    /// compiler prints it. Fails if there is one.
    pub fn run(&self) -> ExitCode {
        let report = self.check();
        let said = tell(&report, &mut io::stdout().lock(), &mut io::stderr().lock());
        match said {
            Ok(()) if report.errors().next().is_none() => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }
}

/// Writes what cargo reads, and what a person reads.
fn tell(report: &Report, cargo: &mut dyn Write, person: &mut dyn Write) -> io::Result<()> {
    writeln!(cargo, "cargo::rerun-if-env-changed={}", snapshot::ACCEPT)?;
    for path in &report.read {
        writeln!(cargo, "cargo::rerun-if-changed={}", path.display())?;
    }
    for finding in report.warnings() {
        writeln!(cargo, "cargo::warning={}", finding.line())?;
    }
    let mut texts: BTreeMap<&PathBuf, Option<String>> = BTreeMap::new();
    for finding in report.errors() {
        let text = texts
            .entry(&finding.file)
            .or_insert_with(|| source::text(&finding.file).ok());
        writeln!(person, "{}", finding.render(text.as_deref()))?;
    }
    let errors = report.errors().count();
    if errors > 0 {
        let warnings = report.warnings().count();
        let level = Level::Deny;
        writeln!(person, "{level}: {errors} found, and {warnings} warnings")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::build::finding::{Finding, Position};

    #[test]
    fn cargo_gets_lines_and_people_get_the_place() {
        let finding = |level, message: &str| Finding {
            rule: "drop-table",
            level,
            file: PathBuf::from("no/such.sql"),
            at: Position { line: 3, column: 7 },
            message: message.into(),
            why: "it is\ngone".into(),
            help: "leave it".into(),
        };
        let report = Report {
            findings: vec![finding(Level::Warn, "one"), finding(Level::Deny, "two")],
            read: vec![PathBuf::from("migrations")],
        };
        let (mut cargo, mut person) = (Vec::new(), Vec::new());
        tell(&report, &mut cargo, &mut person).unwrap();
        assert_eq!(
            String::from_utf8(cargo).unwrap(),
            "cargo::rerun-if-env-changed=EXPAND_CONTRACT_ACCEPT\ncargo::rerun-if-changed=migrations\ncargo::warning=no/such.sql:3:7: one [drop-table]; it is gone; leave it\n"
        );
        let person = String::from_utf8(person).unwrap();
        assert!(
            person.starts_with("error[drop-table]: two\n  --> no/such.sql:3:7\n"),
            "{person}"
        );
        assert!(
            person.ends_with("error: 1 found, and 1 warnings\n"),
            "{person}"
        );
    }

    #[test]
    fn the_line_is_shown_with_a_mark() {
        let finding = Finding {
            rule: "drop-table",
            level: Level::Deny,
            file: PathBuf::from("up.sql"),
            at: Position {
                line: 2,
                column: 12,
            },
            message: "table `ä` is dropped".into(),
            why: "gone".into(),
            help: String::new(),
        };
        assert_eq!(
            finding.render(Some("SELECT 1;\nDROP TABLE ä;\n")),
            "error[drop-table]: table `ä` is dropped\n  --> up.sql:2:12\n  |\n2 | DROP TABLE ä;\n  |            ^\n  = why: gone\n"
        );
    }
}

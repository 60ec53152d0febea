//! A committed snapshot of what the code reads, and what changed since.
//!
//! It is text beside the project's `Cargo.toml`, so that a pull request shows it. A build that finds it stale fails; it is
//! written only when somebody says so with an environment variable.

mod date;
mod drift;
mod format;

use std::env;
use std::fs;
use std::path::PathBuf;

use super::finding::{Finding, Level, Position, Report};
use super::lints::{InUse, Reader};
use super::models::ModelsFound;
use super::source::{self, Unread};
use date::Date;
use drift::{Drift, Said};
use format::Content;

/// The environment variable that lets a snapshot be written: `1`, or columns that may go (`users.email,users.phone`).
pub(crate) const ACCEPT: &str = "EXPAND_CONTRACT_ACCEPT";

/// The day, as it stands in a snapshot.
pub(crate) fn today() -> impl std::fmt::Display {
    Date::today()
}

/// How many days after `contracted` an annotation is asked about.
const PATIENCE: i64 = 14;

/// The snapshot of a project.
///
/// It tells what one build cannot see by itself:
///
/// - a column vanished and another appeared, or its type changed, without an annotation: an error, with the annotation;
/// - an annotation vanished before the snapshot says `contracted` (or `withdrawn`) for its migration: an error;
/// - a migration that has been contracted for more than 14 days ([`Snapshot::remind_after_days`]): a warning;
/// - a column that a script drops though a release that still runs may read it: it stays in the snapshot as `retired` until
///   somebody removes the line, and the lints know it.
///
/// Anything else that changed is an error too, which `EXPAND_CONTRACT_ACCEPT=1 cargo build` settles by writing the file.
#[derive(Debug, Clone)]
#[must_use = "give it to `Build::snapshot`"]
pub struct Snapshot {
    file: PathBuf,
    patience: i64,
    accept: Option<String>,
}

impl Snapshot {
    /// The snapshot in this file; what may be accepted is in `EXPAND_CONTRACT_ACCEPT`.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Snapshot {
            file: file.into(),
            patience: PATIENCE,
            accept: env::var(ACCEPT).ok().filter(|value| !value.is_empty()),
        }
    }

    /// How many days after its `contracted` line a migration's annotation is asked about; 14 by itself.
    pub fn remind_after_days(mut self, days: u32) -> Self {
        self.patience = i64::from(days);
        self
    }

    /// Accepts changes as if `EXPAND_CONTRACT_ACCEPT` had this value: `1`, or names of columns that may go.
    pub fn accept(mut self, value: impl Into<String>) -> Self {
        self.accept = Some(value.into());
        self
    }

    /// Compares; writes the file if that was asked for and nothing stands against it.
    pub(crate) fn check(&self, models: &ModelsFound) -> Checked {
        let mut checked = Checked {
            file: self.file.clone(),
            ..Checked::default()
        };
        checked.report.reads(&self.file);
        let (text, is_new) = match source::text(&self.file) {
            Ok(text) => (text, false),
            Err(Unread::Missing) => (String::new(), true),
            Err(Unread::Refused(why)) => {
                let message = format!("the snapshot {why}");
                self.say(
                    &mut checked.report,
                    "snapshot",
                    Position::START,
                    message,
                    "restore it from the last commit",
                );
                return checked;
            }
        };
        let before = match Content::parse(&text) {
            Ok(before) => before,
            Err((line, why)) => {
                let at = Position { line, column: 1 };
                self.say(
                    &mut checked.report,
                    "snapshot",
                    at,
                    why,
                    "restore the line from the last commit",
                );
                return checked;
            }
        };
        let permitted: Vec<String> = self
            .accept
            .iter()
            .flat_map(|names| names.split(','))
            .map(|name| name.trim().to_string())
            .collect();
        let drift = Drift {
            before: &before,
            models,
            file: &self.file,
            today: Date::today(),
            patience: self.patience,
            permitted: &permitted,
        };
        let (next, said) = drift.find();
        // By what it says: where somebody wrote a line, and what comment, is up to them.
        let known = before.text();
        checked.before = before;
        let is_refused = said.iter().any(|said| said.level == Level::Deny);
        for said in said {
            checked.report.findings.push(finding(said));
        }
        // With models that could not be read, the snapshot would lose what they say.
        let is_whole = models.report().errors().next().is_none();
        let after = next.text();
        if after == known || is_refused || !is_whole {
            return checked;
        }
        match &self.accept {
            Some(_) => {
                if let Err(error) = fs::write(&self.file, after) {
                    let message = format!("the snapshot cannot be written: {error}");
                    self.say(
                        &mut checked.report,
                        "snapshot",
                        Position::START,
                        message,
                        "",
                    );
                }
            }
            None => self.stale(&known, &text, &after, is_new, &mut checked.report),
        }
        checked
    }

    fn stale(&self, before: &str, file: &str, after: &str, is_new: bool, report: &mut Report) {
        let help = format!("{ACCEPT}=1 cargo build, and commit the file");
        if is_new {
            let message = format!("there is no snapshot `{}` yet", self.file.display());
            return self.say(report, "stale-snapshot", Position::START, message, &help);
        }
        let (first, difference) = difference(before, after);
        let line = with_owners(file)
            .iter()
            .position(|line| Some(line) == first.as_ref());
        let at = Position {
            line: line.map_or(1, |line| line + 1),
            column: 1,
        };
        let message =
            format!("the code reads something else than the snapshot says:\n{difference}");
        self.say(report, "stale-snapshot", at, message, &help);
    }

    fn say(
        &self,
        report: &mut Report,
        rule: &'static str,
        at: Position,
        message: String,
        help: &str,
    ) {
        report.findings.push(finding(Said {
            rule,
            level: Level::Deny,
            file: self.file.clone(),
            at,
            message,
            help: help.to_string(),
        }));
    }
}

fn finding(said: Said) -> Finding {
    Finding {
        rule: said.rule,
        level: said.level,
        file: said.file,
        at: said.at,
        message: said.message,
        why: String::new(),
        help: said.help,
    }
}

/// The lines, each with the table or migration that it is part of.
fn with_owners(text: &str) -> Vec<String> {
    let mut owner = "";
    let lines = text.lines().map(|line| {
        let inner = line.trim_start();
        if inner.len() < line.len() && !inner.is_empty() {
            format!("{owner}: {inner}")
        } else {
            owner = line;
            line.to_string()
        }
    });
    lines.collect()
}

/// The first line that goes, and all that go and come.
fn difference(before: &str, after: &str) -> (Option<String>, String) {
    let (before, after) = (with_owners(before), with_owners(after));
    let gone: Vec<&String> = before.iter().filter(|line| !after.contains(line)).collect();
    let come = after.iter().filter(|line| !before.contains(line));
    let lines = gone.iter().map(|line| format!("-{line}"));
    let lines: Vec<String> = lines.chain(come.map(|line| format!("+{line}"))).collect();
    (gone.first().map(|line| (*line).clone()), lines.join("\n"))
}

/// What came of a comparison.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub(crate) report: Report,
    file: PathBuf,
    before: Content,
}

impl Checked {
    /// Adds what the releases of the snapshot read and the code no longer does.
    pub(crate) fn add_to(&self, in_use: &mut InUse) {
        let mut add = |table: &str, column: &str, line: usize, what: &str| {
            let (schema, name) = match table.split_once('.') {
                Some((schema, name)) => (Some(schema), name),
                None => (None, table),
            };
            if !in_use.is_read(schema, name, column) {
                let by = format!("{what}, {}:{line}", self.file.display());
                in_use.read(schema, name, column, Reader::Mapped(by));
            }
        };
        for (table, columns) in &self.before.tables {
            for (name, column) in columns {
                add(table, name, column.line, "the release of the snapshot");
            }
        }
        for ((table, column), (date, line)) in &self.before.retired {
            let what = format!("a release from before {date}, whose `retired` line is still there");
            add(table, column, *line, &what);
        }
    }
}

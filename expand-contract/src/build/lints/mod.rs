//! Lints of a project's own migrations: `migrations/**/{up,down}.sql`, as Diesel lays them out.
//!
//! Each rule is one file in `rules/`, one heading in [the list](crate::build::lint_rules) and one file of tests. A rule sees one
//! operation at a time, what all migrations before it did ([`history`]), and what the code reads ([`InUse`]).

mod allowance;
mod context;
mod history;
mod in_use;
mod migrations;
mod rules;
mod sql;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::thread;

use super::finding::{Finding, Level, Position, Report};
use allowance::Allowances;
use context::{Context, Direction, Gone, Script};
pub(crate) use history::{History, KnownIndex};
pub use in_use::{InUse, Reader};
use migrations::Migration;
use rules::{Found, Rule};

/// The database that migrations are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Database {
    /// PostgreSQL 14 or newer.
    Postgres,
    /// SQLite 3.35 or newer.
    Sqlite,
    /// MySQL 8 or MariaDB.
    Mysql,
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Database::Postgres => "PostgreSQL",
            Database::Sqlite => "SQLite",
            Database::Mysql => "MySQL",
        })
    }
}

/// Enough for both parsers at their limits in an unoptimized build: they call themselves for what is nested, and their trees
/// end by recursion, one frame for each link of a chain like `1 + 1 + …`. Only what is touched takes memory.
pub(crate) const STACK_BYTES: usize = 256 * 1024 * 1024;

/// A check of a folder of migrations.
///
/// It reads files and nothing else: no database, no network, no output. Levels are settled in this order: the rule's own,
/// [`Lints::level`], a comment in the script.
///
/// ```
/// use expand_contract::build::{Database, Level, Lints};
///
/// # fn main() -> std::io::Result<()> {
/// # let folder = std::env::temp_dir().join(format!("lints-{}", std::process::id()));
/// # std::fs::create_dir_all(folder.join("2026-01-01-000000_contact"))?;
/// # std::fs::write(folder.join("2026-01-01-000000_contact/up.sql"), "ALTER TABLE users RENAME COLUMN email TO contact;")?;
/// let report = Lints::new(&folder, Database::Postgres)
///     .level("missing-lock-timeout", Level::Deny)
///     .check();
/// assert!(report.errors().any(|finding| finding.rule == "rename-column"));
/// # std::fs::remove_dir_all(&folder)
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is read before `check`"]
pub struct Lints {
    folder: PathBuf,
    database: Database,
    levels: BTreeMap<String, Level>,
    after: Option<String>,
    in_use: Option<InUse>,
}

impl Lints {
    /// The migrations below `folder`, written for `database`.
    pub fn new(folder: impl Into<PathBuf>, database: Database) -> Self {
        Lints {
            folder: folder.into(),
            database,
            levels: BTreeMap::new(),
            after: None,
            in_use: None,
        }
    }

    /// Sets a rule's level for the whole project. A rule that does not exist is reported.
    pub fn level(mut self, rule: impl Into<String>, level: Level) -> Self {
        self.levels.insert(rule.into(), level);
        self
    }

    /// Reports only migrations with a version after this one (`2026-01-31-000000`, hyphens do not count).
    ///
    /// Earlier ones are applied everywhere already. They are still read: what they made is known to the rules.
    pub fn after(mut self, version: impl AsRef<str>) -> Self {
        self.after = Some(migrations::plain_version(version.as_ref()));
        self
    }

    /// What the code reads: of the models, of an earlier snapshot, or of both.
    ///
    /// Without it no rule can tell a column that is read from one that was retired.
    pub fn in_use(mut self, in_use: InUse) -> Self {
        self.in_use = Some(in_use);
        self
    }

    /// Adds what models read.
    pub(crate) fn also_in_use(
        mut self,
        models: &super::models::ModelsFound,
        also: impl FnOnce(&mut InUse),
    ) -> Self {
        let mut found = models.in_use(self.database);
        also(&mut found);
        match &mut self.in_use {
            Some(in_use) => in_use.merge(found),
            None => self.in_use = Some(found),
        }
        self
    }

    /// Reads the migrations and applies every rule.
    pub fn check(&self) -> Report {
        self.check_and_remember().0
    }

    /// The same, and what the migrations have made; nothing of a folder that cannot be read.
    pub(crate) fn check_and_remember(&self) -> (Report, History) {
        let joined = thread::scope(|scope| {
            let thread = thread::Builder::new().stack_size(STACK_BYTES);
            let thread = thread.spawn_scoped(scope, || self.run());
            thread.map(thread::ScopedJoinHandle::join)
        });
        match joined {
            Ok(Ok(checked)) => checked,
            Ok(Err(_)) | Err(_) => {
                let report = Report {
                    findings: vec![self.about_the_folder("the migrations could not be looked at")],
                    read: vec![self.folder.clone()],
                };
                (report, History::default())
            }
        }
    }

    pub(crate) fn database(&self) -> Database {
        self.database
    }

    fn about_the_folder(&self, message: &str) -> Finding {
        Finding {
            rule: rules::not_read::RULE.id,
            level: Level::Deny,
            file: self.folder.clone(),
            at: Position::START,
            message: message.to_string(),
            why: rules::not_read::RULE.why.to_string(),
            help: rules::not_read::RULE.help.to_string(),
        }
    }

    fn level_of(&self, rule: &Rule) -> Level {
        self.levels.get(rule.id).copied().unwrap_or(rule.level)
    }

    fn run(&self) -> (Report, History) {
        let mut report = Report::default();
        let mut history = History::default();
        report.reads(&self.folder);
        self.unknown_levels(&mut report);
        let found = match migrations::find(&self.folder) {
            Ok(found) => found,
            Err(why) => {
                report.findings.push(self.about_the_folder(&why));
                return (report, history);
            }
        };
        let migrations: Vec<Migration> = found
            .into_iter()
            .map(|folder| Migration::read(folder, self.database))
            .collect();
        let gone = Gone::after(migrations.iter().filter_map(|m| m.up.as_ref()));
        let mut before: Option<&Migration> = None;
        for (number, migration) in migrations.iter().enumerate() {
            let is_reported = self
                .after
                .as_ref()
                .is_none_or(|after| migration.version > *after);
            let twin = before.filter(|before| before.is_twin_of(migration));
            before = Some(migration);
            history.enter(number);
            let mut about_files = Vec::new();
            if let Some(twin) = twin {
                about_files.push(rules::duplicate_version::found(migration, twin));
            }
            about_files.extend(migration.problems.iter().cloned());
            if is_reported {
                for problem in about_files {
                    self.file_problem(problem, &mut report);
                }
            }
            let up = migration.up.as_ref();
            for script in [up, migration.down.as_ref()].into_iter().flatten() {
                let up_ops = match script.direction {
                    Direction::Up => None,
                    Direction::Down => up.map(|up| up.ops.as_slice()),
                };
                let found = self.script(script, up_ops, &mut history, &gone);
                if is_reported {
                    report.findings.extend(found);
                }
            }
        }
        report.sort();
        (report, history)
    }

    fn file_problem(&self, problem: migrations::Problem, report: &mut Report) {
        let level = self.level_of(problem.rule);
        if level > Level::Allow {
            report.findings.push(Finding {
                rule: problem.rule.id,
                level,
                file: problem.file,
                at: problem.at,
                message: problem.message,
                why: problem.rule.why.to_string(),
                help: problem.rule.help.to_string(),
            });
        }
    }

    fn unknown_levels(&self, report: &mut Report) {
        for name in self.levels.keys() {
            if rules::find(name).is_none() {
                report.findings.push(Finding {
                    rule: rules::malformed_allowance::RULE.id,
                    level: Level::Deny,
                    file: PathBuf::from("build.rs"),
                    at: Position::START,
                    message: allowance::unknown_rule(name),
                    why: String::new(),
                    help: String::new(),
                });
            }
        }
    }

    fn script(
        &self,
        script: &Script,
        up: Option<&[sql::op::Op]>,
        history: &mut History,
        gone: &Gone,
    ) -> Vec<Finding> {
        let mut allowances = Allowances::read(script);
        let mut findings = Vec::new();
        let mut report = |rule: &Rule, found: rules::Said, allowances: &mut Allowances| {
            let level = allowances.level(rule, found.at, self.level_of(rule));
            if level > Level::Allow {
                findings.push(Finding {
                    rule: rule.id,
                    level,
                    file: script.file.clone(),
                    at: found.at,
                    message: found.message,
                    why: rule.why.to_string(),
                    help: found.help.unwrap_or_else(|| rule.help.to_string()),
                });
            }
        };
        let mut found = Found::default();
        for (index, op) in script.ops.iter().enumerate() {
            let cx = Context {
                database: self.database,
                script,
                index,
                history,
                up,
                in_use: self.in_use.as_ref(),
                gone,
            };
            for rule in rules::ALL {
                if !rule.databases.contains(&self.database) {
                    continue;
                }
                (rule.check)(op, &cx, &mut found);
                for said in found.take() {
                    report(rule, said, &mut allowances);
                }
            }
            if script.direction == Direction::Up {
                history.apply(op);
            }
        }
        for unread in &script.unread {
            let said = rules::not_understood::found(unread);
            report(&rules::not_understood::RULE, said, &mut allowances);
        }
        for said in allowances.take_malformed() {
            report(&rules::malformed_allowance::RULE, said, &mut allowances);
        }
        for said in allowances.unused() {
            report(&rules::unused_allowance::RULE, said, &mut allowances);
        }
        findings
    }
}

/// The ids of all rules, in the order of the list, with the level each has by itself.
pub fn rules() -> impl Iterator<Item = (&'static str, Level)> {
    rules::ALL.iter().map(|rule| (rule.id, rule.level))
}

/// The databases that a rule is about; none for a rule that does not exist.
pub fn databases_of(rule: &str) -> &'static [Database] {
    rules::find(rule).map_or(&[], |rule| rule.databases)
}

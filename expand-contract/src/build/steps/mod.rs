//! The steps of every migration as files: to be reviewed in a pull request, and to be run by a plain `diesel migration run`.
//!
//! Each step is a folder as Diesel lays them out, `<time stamp>s01expand_<migration>/{up,down}.sql`, under the version that
//! [`Timeline`](https://docs.rs/expand-contract) gives the step at the same time stamp. They are written to `OUT_DIR` with every
//! build, and compared with those beside the project's migrations; these are written only when somebody says so.

mod block;
mod definition;
mod expand;
mod folder;
mod guard;
mod indexes;
mod ledger;
mod recorder;
mod script;
mod table;
mod types;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::finding::{Finding, Level, Position, Report};
use super::lints::{Database, History};
use super::models::{Declared, ModelsFound, Table};
use super::snapshot::{today, ACCEPT};
use super::source::{self, Unread};
use crate::definition::{Dialect, MigrationDef};
use crate::phase::place::places;
use folder::Folder;
use script::{Script, MARK};

/// The rule of everything that is said here.
const RULE: &str = "step-files";

/// The steps of the declared migrations, as files for one database.
///
/// ```no_run
/// use expand_contract::build::{Build, Database, Models, StepFiles};
///
/// fn main() -> std::process::ExitCode {
///     Build::new()
///         .models(Models::new().tree("src/lib.rs"))
///         .steps(StepFiles::new("steps/postgres", Database::Postgres))
///         .run()
/// }
/// ```
///
/// - **To be read**: every file lists what the runner does in the step, with each statement and its lock, as far as the
///   sources tell: with [`Build::migrations`](super::Build::migrations) also plain indexes and unique constraints. What is on the
///   old column besides, only a database knows: `Migration::plan` lists that. On PostgreSQL 18 a NOT NULL has a name, by which the
///   runner carries it; the files tell how it does so on the versions before.
/// - **To be run**, by `diesel migration run --migration-dir steps/postgres` or as `FileBasedMigrations`. On PostgreSQL the file of
///   `expand` does what the runner's first transaction does, unless that was done (and one before it creates the library's
///   tables); it refuses a table that is not what `table!` tells, and does not guess. Every other file needs the runner, which
///   copies rows and waits for instances: it passes where the runner has been, and refuses where it has not. `down.sql` passes
///   where the runner has undone the step. On SQLite, where DDL cannot be made to depend on a condition, `expand` is the
///   runner's too.
/// - **Stale files** fail the build with the difference; `EXPAND_CONTRACT_ACCEPT=1 cargo build` writes them. New ones get today's
///   date as time stamp, unless [`StepFiles::at`] gives one. Folders may be renamed to another time stamp: a step is known by
///   what follows it.
///
/// A [`Timeline`](https://docs.rs/expand-contract) takes either these files or the migration itself, not both: their versions are
/// the same.
#[derive(Debug, Clone)]
#[must_use = "give it to `Build::steps`"]
pub struct StepFiles {
    folder: PathBuf,
    database: Database,
    stamps: BTreeMap<String, String>,
    accept: bool,
    out: Option<PathBuf>,
}

impl StepFiles {
    /// The files below `folder`, for `database`.
    pub fn new(folder: impl Into<PathBuf>, database: Database) -> Self {
        StepFiles {
            folder: folder.into(),
            database,
            stamps: BTreeMap::new(),
            accept: env::var(ACCEPT).is_ok_and(|value| !value.is_empty()),
            out: env::var_os("OUT_DIR").map(PathBuf::from),
        }
    }

    /// The time stamp of a migration's steps (`2026-06-01-120000`), by its id, where their folders are not there yet: the one
    /// that a `Timeline` has for it.
    pub fn at(mut self, migration: impl Into<String>, stamp: impl Into<String>) -> Self {
        self.stamps.insert(migration.into(), stamp.into());
        self
    }

    /// Writes what is stale, as if `EXPAND_CONTRACT_ACCEPT` were set.
    pub fn accept(mut self) -> Self {
        self.accept = true;
        self
    }

    /// Where the files of this build go, in a folder of the database's name; by itself `OUT_DIR`.
    pub fn out(mut self, folder: impl Into<PathBuf>) -> Self {
        self.out = Some(folder.into());
        self
    }

    /// Compares; writes to `OUT_DIR`, and beside the migrations if that was asked for.
    pub(crate) fn check(&self, models: &ModelsFound, histories: &[(Database, History)]) -> Report {
        let mut report = Report::default();
        let dialect = match self.database {
            Database::Postgres => Dialect::Postgres,
            Database::Sqlite => Dialect::Sqlite,
            other => {
                let message = format!("there are no steps for {other}");
                let help = "name `Database::Postgres` or `Database::Sqlite`";
                self.say(&mut report, Level::Deny, &self.folder, message, help);
                return report;
            }
        };
        // cargo takes what is not there for changed, with every build; before the first migration there is no folder
        if self.folder.exists() {
            report.reads(&self.folder);
        }
        let folder = match Folder::read(&self.folder, &mut report) {
            Ok(folder) => folder,
            Err(why) => {
                let message = format!("the folder cannot be read: {why}");
                self.say(&mut report, Level::Deny, &self.folder, message, "");
                return report;
            }
        };
        let mut histories = histories.iter();
        let history = histories.find(|(database, _)| *database == self.database);
        let nothing = History::default();
        let history = history.map_or(&nothing, |(_, history)| history);
        let mut wanted = Vec::new();
        for (declared, table) in models.migrations_with_tables() {
            match table {
                Some(table) => self.steps((declared, table, history), dialect, &folder, &mut wanted, &mut report),
                None => report.findings.push(Finding {
                    rule: RULE,
                    level: Level::Deny,
                    file: declared.file.clone(),
                    at: declared.at,
                    message: format!(
                        "the steps of `{}` cannot be written: `table! {{ {} … }}` is in none of the files that were read",
                        declared.id, declared.table
                    ),
                    why: String::new(),
                    help: "give the build script the file with `schema.rs`, too".to_owned(),
                }),
            }
        }
        if dialect == Dialect::Postgres && !wanted.is_empty() {
            wanted.extend(Wanted::of(ledger::FOLDER, ledger::script()));
        }
        self.unknown_stamps(models, &mut report);
        // with models that could not be read, files would be missed that are right
        let is_whole = models.report().errors().next().is_none();
        if is_whole && report.errors().next().is_none() {
            self.write_out(&wanted, &mut report);
            self.compare(&wanted, &folder, &mut report);
        }
        report
    }

    fn steps(
        &self,
        (declared, table, history): (&Declared, &Table, &History),
        dialect: Dialect,
        folder: &Folder,
        wanted: &mut Vec<Wanted>,
        report: &mut Report,
    ) {
        let def: &'static MigrationDef = definition::definition(declared, table);
        for place in places(def.two_passes()) {
            let name = format!(
                "{}_{}",
                place.tag(),
                folder::file_name(&declared.id, declared.generation)
            );
            let stamp = match (folder.stamp_of(&name), self.stamps.get(&declared.id)) {
                (Some(known), _) => known.to_owned(),
                (None, Some(given)) => given.clone(),
                (None, None) => format!("{}-000000", today()),
            };
            let script = match Script::of((declared, table, history), def, (dialect, place)) {
                Ok(script) => script,
                Err(error) => {
                    report.findings.push(Finding {
                        rule: RULE,
                        level: Level::Deny,
                        file: declared.file.clone(),
                        at: declared.at,
                        message: format!("`{}` of `{}`: {error}", place.step, declared.id),
                        why: String::new(),
                        help: String::new(),
                    });
                    return;
                }
            };
            wanted.extend(Wanted::of(&format!("{stamp}{name}"), script));
        }
    }

    fn unknown_stamps(&self, models: &ModelsFound, report: &mut Report) {
        for id in self.stamps.keys() {
            if models.migrations().iter().any(|known| known.id == *id) {
                continue;
            }
            let message =
                format!("a time stamp is given for migration `{id}`, which is not declared");
            self.say(
                report,
                Level::Warn,
                Path::new("build.rs"),
                message,
                "remove `.at(…)`",
            );
        }
    }

    fn write_out(&self, wanted: &[Wanted], report: &mut Report) {
        let Some(out) = &self.out else {
            return;
        };
        let name = match self.database {
            Database::Sqlite => "sqlite",
            _ => "postgres",
        };
        let out = out.join("expand-contract").join(name);
        // what an earlier build has left is no step any more
        let cleared = match fs::remove_dir_all(&out) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        let written = cleared.and_then(|()| {
            let mut files = wanted.iter();
            files.try_for_each(|file| folder::write(&out.join(&file.path), &file.text))
        });
        if let Err(error) = written {
            let message = format!("the steps cannot be written: {error}");
            self.say(report, Level::Deny, &out, message, "");
        }
    }

    fn compare(&self, wanted: &[Wanted], folder: &Folder, report: &mut Report) {
        let mut stale = Vec::new();
        for file in wanted {
            let path = self.folder.join(&file.path);
            report.reads(&path);
            let known = folder.text(&path).map(str::to_owned);
            match known.map_or_else(|| source::text(&path), Ok) {
                Ok(text) if text == file.text => {}
                Ok(text) => stale.push((path, Some(text), file)),
                Err(Unread::Missing) => stale.push((path, None, file)),
                Err(Unread::Refused(why)) => {
                    let message = format!("the file {why}");
                    self.say(
                        report,
                        Level::Deny,
                        &path,
                        message,
                        "restore it from the last commit",
                    );
                }
            }
        }
        let left: Vec<&PathBuf> = folder
            .written()
            .filter(|path| !wanted.iter().any(|file| path.ends_with(&file.path)))
            .collect();
        if self.accept {
            self.write(&stale, &left, report);
        } else {
            self.refuse(&stale, &left, report);
        }
    }

    fn write(
        &self,
        stale: &[(PathBuf, Option<String>, &Wanted)],
        left: &[&PathBuf],
        report: &mut Report,
    ) {
        let mut failed = |path: &Path, error: std::io::Error| {
            let message = format!("the file cannot be written: {error}");
            self.say(report, Level::Deny, path, message, "");
        };
        for (path, _, file) in stale {
            if let Err(error) = folder::write(path, &file.text) {
                failed(path, error);
            }
        }
        for path in left {
            if let Err(error) = folder::remove(path) {
                failed(path, error);
            }
        }
    }

    fn refuse(
        &self,
        stale: &[(PathBuf, Option<String>, &Wanted)],
        left: &[&PathBuf],
        report: &mut Report,
    ) {
        let help = format!("{ACCEPT}=1 cargo build, and commit the files");
        let missing: Vec<&PathBuf> = stale
            .iter()
            .filter_map(|(path, text, _)| text.is_none().then_some(path))
            .collect();
        if let Some(first) = missing.first() {
            let message = format!(
                "{} files of steps are not there yet, `{}` first",
                missing.len(),
                first.display()
            );
            self.say(report, Level::Deny, &self.folder, message, &help);
        }
        for (path, text, file) in stale {
            let Some(text) = text else { continue };
            let (line, difference) = folder::difference(text, &file.text);
            report.findings.push(Finding {
                rule: RULE,
                level: Level::Deny,
                file: path.clone(),
                at: Position { line, column: 1 },
                message: format!(
                    "the file is not what the annotations say any more:\n{difference}"
                ),
                why: String::new(),
                help: help.clone(),
            });
        }
        for path in left {
            let message = "no declared migration has this step".to_owned();
            let help = format!(
                "{ACCEPT}=1 cargo build deletes it. If databases are still to be made with it, put a migration of plain SQL in \
                 its place, in a folder of the same name and without the first line"
            );
            self.say(report, Level::Deny, path, message, &help);
        }
    }

    fn say(&self, report: &mut Report, level: Level, file: &Path, message: String, help: &str) {
        report.findings.push(Finding {
            rule: RULE,
            level,
            file: file.to_path_buf(),
            at: Position::START,
            message,
            why: String::new(),
            help: help.to_owned(),
        });
    }
}

/// A file as it should be, below the folder.
struct Wanted {
    path: PathBuf,
    text: String,
}

impl Wanted {
    fn of(folder: &str, script: Script) -> [Self; 2] {
        let files = [("up.sql", script.up), ("down.sql", script.down)];
        files.map(|(name, text)| Wanted {
            path: Path::new(folder).join(name),
            text,
        })
    }
}

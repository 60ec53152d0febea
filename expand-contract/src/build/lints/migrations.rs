//! Folders of migrations as Diesel lays them out: `<version>_<name>/{up,down}.sql` and `metadata.toml`.

use std::fs;
use std::path::{Path, PathBuf};

use super::context::{Direction, Script};
use super::rules::{self, Rule};
use super::{sql, Database};
use crate::build::finding::Position;
use crate::build::source::{self, Unread};

/// How deep folders are searched. Diesel itself looks one level deep; several databases have a folder each.
const MAX_DEPTH: usize = 4;

/// A migration, read.
#[derive(Debug)]
pub(crate) struct Migration {
    pub(crate) folder: PathBuf,
    /// As Diesel makes it of the folder's name.
    pub(crate) version: String,
    pub(crate) up: Option<Script>,
    pub(crate) down: Option<Script>,
    pub(crate) problems: Vec<Problem>,
}

/// A finding about a file as a whole.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) rule: &'static Rule,
    pub(crate) file: PathBuf,
    pub(crate) at: Position,
    pub(crate) message: String,
}

/// What Diesel makes of a folder's name: what stands before the first `_`, without hyphens.
pub(crate) fn plain_version(name: &str) -> String {
    name.split('_').next().unwrap_or_default().replace('-', "")
}

/// The folders that hold a migration, in the order in which Diesel runs them.
pub(crate) fn find(root: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    search(root, 0, &mut found).map_err(|error| format!("the folder cannot be read: {error}"))?;
    found.sort_by_key(|folder| {
        let name = name_of(folder);
        let parent = folder.parent().map(Path::to_path_buf);
        (parent, plain_version(&name), name)
    });
    Ok(found)
}

fn search(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        // As Diesel: hidden folders are none of its own. A link that leads nowhere, or round, is no folder.
        if name_of(&path).starts_with('.') || !path.is_dir() {
            continue;
        }
        let has_script = ["up.sql", "down.sql"]
            .iter()
            .any(|name| path.join(name).symlink_metadata().is_ok());
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        if has_script {
            found.push(path);
        } else if depth < MAX_DEPTH && !is_link {
            // what cannot be read below is reported by whoever builds from it
            let _ = search(&path, depth + 1, found);
        }
    }
    Ok(())
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .map_or(String::new(), |name| name.to_string_lossy().into_owned())
}

impl Migration {
    pub(crate) fn read(folder: PathBuf, database: Database) -> Self {
        let mut problems = Vec::new();
        let in_transaction = run_in_transaction(&folder.join("metadata.toml"), &mut problems);
        let mut script = |name: &str, direction: Direction| {
            let file = folder.join(name);
            match source::text(&file) {
                Ok(text) => Some(flat(&text, file, direction, in_transaction, database)),
                // A migration need not have a way back.
                Err(Unread::Missing) if direction == Direction::Down => None,
                Err(Unread::Missing) => {
                    problems.push(not_read(file, "is missing"));
                    None
                }
                Err(Unread::Refused(why)) => {
                    problems.push(not_read(file, &why));
                    None
                }
            }
        };
        let up = script("up.sql", Direction::Up);
        let down = script("down.sql", Direction::Down);
        Migration {
            version: plain_version(&name_of(&folder)),
            up,
            down,
            folder,
            problems,
        }
    }

    /// Whether Diesel takes the two for one.
    pub(crate) fn is_twin_of(&self, other: &Migration) -> bool {
        self.version == other.version && self.folder.parent() == other.folder.parent()
    }
}

fn not_read(file: PathBuf, why: &str) -> Problem {
    Problem {
        message: format!("`{}` {why}", name_of(&file)),
        rule: &rules::not_read::RULE,
        at: Position::START,
        file,
    }
}

fn flat(
    text: &str,
    file: PathBuf,
    direction: Direction,
    in_transaction: bool,
    database: Database,
) -> Script {
    let read = sql::read(text, database);
    let mut script = Script {
        file,
        direction,
        ops: Vec::new(),
        statements: read.statements.len(),
        lines: Vec::new(),
        comments: read.comments,
        unread: Vec::new(),
        in_transaction,
    };
    for statement in read.statements {
        script.lines.push((statement.at.line, statement.last_line));
        script.ops.extend(statement.ops);
        script.unread.extend(statement.unread);
    }
    if let Some((at, why)) = read.broken {
        script.unread.push(sql::Unread {
            at,
            why: format!("{why}; nothing behind it was looked at"),
        });
    }
    script
}

/// `run_in_transaction` of `metadata.toml`; true where nothing says otherwise, as in Diesel.
fn run_in_transaction(file: &Path, problems: &mut Vec<Problem>) -> bool {
    let text = match source::text(file) {
        Ok(text) => text,
        Err(Unread::Missing) => return true,
        Err(Unread::Refused(why)) => {
            problems.push(not_read(file.to_path_buf(), &why));
            return true;
        }
    };
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default();
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        if key.trim().trim_matches('"') != "run_in_transaction" {
            continue;
        }
        match value.trim() {
            "true" => return true,
            "false" => return false,
            other => problems.push(Problem {
                rule: &rules::not_read::RULE,
                file: file.to_path_buf(),
                at: Position {
                    line: number + 1,
                    column: 1,
                },
                message: format!("`run_in_transaction` is `true` or `false`, not `{other}`"),
            }),
        }
    }
    true
}

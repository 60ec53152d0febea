//! Models from source: what the derives will see, seen by a build script.
//!
//! The parser and the checks are those of the derives (`expand-contract-model`), so that both refuse the same things at the
//! same places. Modules are followed and `cfg`s evaluated as the compiler does; macros are not expanded.

mod annotated;
mod cfg;
mod found;
mod reads;
mod schema;
mod text;
mod walk;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::thread;

use super::finding::{Level, Position, Report};
use super::lints::{Database, InUse, STACK_BYTES};
use cfg::Cfg;
use found::Outcome;
pub(crate) use found::{Converted, Cut, Table, TableColumn};
pub use found::{Declared, DeclaredChange};

#[derive(Debug, Clone)]
enum Source {
    File(PathBuf),
    Folder(PathBuf),
    Tree(PathBuf),
}

/// Where models are read from.
///
/// ```
/// use expand_contract::build::Models;
///
/// # fn main() -> std::io::Result<()> {
/// # let file = std::env::temp_dir().join(format!("models-{}.rs", std::process::id()));
/// # std::fs::write(&file, "#[derive(Migrate)] #[diesel(table_name = users)]
/// #     struct User { id: i32, #[migrate(rename_from = \"email\")] contact: String }")?;
/// let read = Models::new().tree(&file).read(); // "src/lib.rs", in a build script
/// assert_eq!(read.migrations()[0].id, "users/contact");
/// assert!(read.report().findings.is_empty());
/// # std::fs::remove_file(&file)
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is read before `read`"]
pub struct Models {
    sources: Vec<Source>,
    cfg: Cfg,
}

impl Default for Models {
    fn default() -> Self {
        Self::new()
    }
}

impl Models {
    /// Nothing yet; with the configuration that cargo tells a build script.
    pub fn new() -> Self {
        Models {
            sources: Vec::new(),
            cfg: Cfg::from_cargo(),
        }
    }

    /// One file; `mod name;` in it is not followed.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.sources.push(Source::File(path.into()));
        self
    }

    /// All `.rs` files of a folder and of the folders in it, each by itself. Links to folders are not followed.
    pub fn folder(mut self, path: impl Into<PathBuf>) -> Self {
        self.sources.push(Source::Folder(path.into()));
        self
    }

    /// A crate's root (`src/lib.rs`) and all modules, as the compiler finds them: `mod name;`, `#[path]`, `include!("…")`.
    pub fn tree(mut self, root: impl Into<PathBuf>) -> Self {
        self.sources.push(Source::Tree(root.into()));
        self
    }

    /// Sets a `cfg` that cargo does not tell: of `cargo::rustc-cfg` in the same build script.
    pub fn cfg(mut self, name: &str, value: Option<&str>) -> Self {
        self.cfg.insert(name, value);
        self
    }

    /// Reads and checks everything.
    pub fn read(&self) -> ModelsFound {
        let joined = thread::scope(|scope| {
            let thread = thread::Builder::new().stack_size(STACK_BYTES);
            let thread = thread.spawn_scoped(scope, || self.run());
            thread.map(thread::ScopedJoinHandle::join)
        });
        match joined {
            Ok(Ok(outcome)) => ModelsFound { outcome },
            Ok(Err(_)) | Err(_) => {
                let mut outcome = Outcome::default();
                let file = PathBuf::from("build.rs");
                let why = "the sources could not be looked at".to_string();
                outcome.say("module", Level::Deny, &file, Position::START, why);
                ModelsFound { outcome }
            }
        }
    }

    fn run(&self) -> Outcome {
        let mut outcome = Outcome::default();
        let mut walk = walk::Walk {
            cfg: &self.cfg,
            outcome: &mut outcome,
            seen: BTreeSet::new(),
        };
        for source in &self.sources {
            match source {
                Source::File(path) => walk.single(path),
                Source::Folder(path) => walk.folder(path),
                Source::Tree(path) => walk.tree(path),
            }
        }
        outcome.compare();
        outcome.report.sort();
        outcome
    }
}

/// What the sources hold.
#[derive(Debug, Clone)]
pub struct ModelsFound {
    outcome: Outcome,
}

impl ModelsFound {
    /// What is wrong, and which files were read.
    pub fn report(&self) -> &Report {
        &self.outcome.report
    }

    /// The migrations that are declared, in both forms; refused ones are only in the report.
    pub fn migrations(&self) -> &[Declared] {
        &self.outcome.declared
    }

    /// The tables and columns that the code reads: of every `table!`, and of every struct with a derive of this crate.
    pub fn in_use(&self, database: Database) -> InUse {
        self.outcome.in_use(database)
    }

    /// Every `table!`.
    pub(crate) fn tables(&self) -> &[Table] {
        &self.outcome.tables
    }

    /// The migrations, each with its table if the sources have it.
    pub(crate) fn migrations_with_tables(
        &self,
    ) -> impl Iterator<Item = (&Declared, Option<&Table>)> {
        let outcome = &self.outcome;
        let declared = outcome.declared.iter().zip(&outcome.paths);
        declared.map(|(migration, path)| (migration, outcome.table_of(path)))
    }
}

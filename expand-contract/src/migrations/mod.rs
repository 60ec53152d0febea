//! The steps among a project's own `diesel_migrations`: one order, one table of what was run, one call.
//!
//! A [`Timeline`] is a `MigrationSource`: it has a project's files and, each at a time stamp, the steps of its migrations.
//!
//! ```no_run
//! # use diesel::prelude::*;
//! # use expand_contract::prelude::*;
//! # diesel::table! { versions (id) { id -> Integer, digest -> Text, } }
//! # #[derive(Queryable, Selectable, Insertable, Migrate)]
//! # #[diesel(table_name = versions)]
//! # struct Version { id: i32, #[migrate(rename_from = "checksum")] digest: String }
//! use diesel_migrations::{EmbeddedMigrations, MigrationHarness};
//! use expand_contract::migrations::{Harness, Timeline};
//! use expand_contract::phase::Step;
//!
//! // `files`: what `embed_migrations!()` gives
//! fn timeline(files: EmbeddedMigrations) -> Timeline<SqliteConnection> {
//!     Timeline::new()
//!         .files(files)
//!         .through::<versions::table>("2026-06-01-120000", Step::Switch)
//!         // in a later release, when nobody misses the old column:
//!         .through::<versions::table>("2026-06-15-090000", Step::Contract)
//! }
//!
//! # fn start(files: EmbeddedMigrations) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let mut conn = SqliteConnection::establish("app.db")?;
//! Harness::new(&mut conn).run_pending_migrations(timeline(files))?;
//! # Ok(())
//! # }
//! ```
//!
//! - **A step that is listed is reached**, whatever else has moved the migration: it does what is missing, and nothing where
//!   an operator was there before. It is asked for like this only once, since Diesel notes that it was run.
//! - **The runner works outside of Diesel's transaction.** Its steps have transactions, a lease and barriers of their own
//!   and go on where they were interrupted, so `metadata().run_in_transaction()` is `false`. A connection that is inside a
//!   transaction is refused ([`Error::InsideTransaction`](crate::Error)).
//! - **`revert_last_migration`** undoes a step as `rollback` does. Copying and comparing leave nothing to undo, and behind
//!   `contract` there is no way back: then it fails, and Diesel's table keeps the row.
//! - **Diesel's CLI** knows the files only. `run`, `pending`, `list` pass over our rows; `revert` and `redo` refuse while a step
//!   was the last to run (*Unable to find migration version …*) and change nothing. Undo the step by the application first.
//! - **When the migration is over**, take its annotation out and put a plain SQL file in the place of its steps for
//!   databases that are still to be made: a folder named as the step was, such as
//!   `2026-06-15-090000s06contract_versions`, has the same version, so databases that have been there pass over it.
//! - **Several processes at once** need a [`Harness`]; Diesel's own knows no other process. With it the second one waits,
//!   and passes over what the first one has run.

mod error;
mod harness;
mod lock;
mod name;
mod step;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use diesel::migration::{Migration as DieselMigration, MigrationSource, Result};
use diesel::ConnectionResult;

pub use error::TimelineError;
pub use harness::Harness;
use name::StepName;
use step::{Settings, StepMigration, Work};

use crate::backend::RunnerConnection;
use crate::migration::MigrateOn;
use crate::options::Options;
use crate::phase::place::places;
use crate::phase::Step;

type Source<C> =
    Box<dyn MigrationSource<<C as diesel::Connection>::Backend> + Send + Sync + 'static>;

/// Migration files and steps, in the order of their time stamps. A `MigrationSource` for connections of type `C`.
///
/// It has nothing of a database: building it is cheap, and what is wrong with it is said when it is used, before anything is
/// run. See the [module](self).
#[must_use = "a timeline does nothing by itself: give it to `run_pending_migrations`"]
pub struct Timeline<C: RunnerConnection> {
    files: Vec<Source<C>>,
    listed: Vec<Listed<C>>,
    settings: Settings<C>,
}

// what one call of `through` has asked for
struct Listed<C: RunnerConnection> {
    work: Work<C>,
    at: String,
    through: Step,
}

impl<C: RunnerConnection> Default for Timeline<C> {
    fn default() -> Self {
        Timeline::new()
    }
}

impl<C: RunnerConnection> Timeline<C> {
    /// An empty one.
    pub fn new() -> Self {
        Timeline {
            files: Vec::new(),
            listed: Vec::new(),
            settings: Settings::default(),
        }
    }

    /// Adds a project's migrations: `embed_migrations!`, `FileBasedMigrations`, or any other source.
    pub fn files<S>(mut self, source: S) -> Self
    where
        S: MigrationSource<C::Backend> + Send + Sync + 'static,
    {
        self.files.push(Box::new(source));
        self
    }

    /// Adds the steps of a migration that come next, through the given one, at a time stamp as folders have it
    /// (`2026-06-01-120000`). They run after files of the same second.
    ///
    /// The first call begins with `expand`, a later one goes on behind the last, under a later time stamp. A retype that
    /// keeps its name has two passes: behind the first `contract` comes another `expand`.
    ///
    /// A time stamp must stay as it is once a database has run it, like that of a file.
    pub fn through<M: MigrateOn<C>>(mut self, at: impl Into<String>, step: Step) -> Self
    where
        C: 'static,
    {
        self.listed.push(Listed {
            work: Work::of::<M>(),
            at: at.into(),
            through: step,
        });
        self
    }

    /// How the steps go about their work. Called for each of them.
    ///
    /// A table without rows that no instance serves is not waited for, whatever they say of
    /// [`grace`](Options::grace).
    pub fn options(mut self, options: impl Fn() -> Options + Send + Sync + 'static) -> Self {
        self.settings.options = Some(Arc::new(options));
        self
    }

    /// Lets the steps open further connections, see [`Migration::connect_with`](crate::Migration::connect_with).
    pub fn connect_with<F>(mut self, connect: F) -> Self
    where
        F: Fn() -> ConnectionResult<C> + Send + Sync + 'static,
    {
        self.settings.connect = Some(Arc::new(connect));
        self
    }
}

impl<C> Timeline<C>
where
    C: RunnerConnection + 'static,
    C::Backend: 'static,
{
    fn steps(&self) -> std::result::Result<Vec<StepMigration<C>>, TimelineError> {
        // migration → how many of its steps are listed, and since when
        let mut listed: HashMap<(&str, u32), (usize, &str)> = HashMap::new();
        let mut out = Vec::new();
        for Listed { work, at, through } in &self.listed {
            let def = work.definition();
            let (done, before) = match listed.get(&(def.id, def.generation)) {
                Some((done, before)) => (*done, Some(*before)),
                None => (0, None),
            };
            let left: Vec<_> = places(def.two_passes()).skip(done).collect();
            let last = left.iter().position(|place| place.step == *through);
            let Some(last) = last else {
                return Err(TimelineError::NothingLeft {
                    migration: def.id,
                    at: at.clone(),
                    through: *through,
                });
            };
            for place in left.into_iter().take(last + 1) {
                out.push(StepMigration::new(
                    StepName::new(def.id, at, place)?,
                    place,
                    *work,
                    self.settings.clone(),
                ));
            }
            let digits = |at: &str| at.replace('-', "");
            if let Some(before) = before.filter(|before| digits(before) >= digits(at)) {
                return Err(TimelineError::Order {
                    migration: def.id,
                    at: at.clone(),
                    before: before.to_owned(),
                });
            }
            listed.insert((def.id, def.generation), (done + last + 1, at));
        }
        Ok(out)
    }
}

impl<C> MigrationSource<C::Backend> for Timeline<C>
where
    C: RunnerConnection + 'static,
    C::Backend: 'static,
{
    fn migrations(&self) -> Result<Vec<Box<dyn DieselMigration<C::Backend>>>> {
        let mut out: Vec<Box<dyn DieselMigration<C::Backend>>> = Vec::new();
        for source in &self.files {
            out.extend(source.migrations()?);
        }
        for step in self.steps()? {
            out.push(Box::new(step));
        }
        out.sort_by(|a, b| a.name().version().cmp(&b.name().version()));
        for pair in out.windows(2) {
            let [first, second] = pair else { continue };
            if first.name().version() == second.name().version() {
                return Err(Box::new(TimelineError::DuplicateVersion {
                    version: first.name().version().to_string(),
                    first: first.name().to_string(),
                    second: second.name().to_string(),
                }));
            }
        }
        Ok(out)
    }
}

impl<C> MigrationSource<C::Backend> for &Timeline<C>
where
    C: RunnerConnection + 'static,
    C::Backend: 'static,
{
    fn migrations(&self) -> Result<Vec<Box<dyn DieselMigration<C::Backend>>>> {
        (**self).migrations()
    }
}

impl<C: RunnerConnection> fmt::Debug for Timeline<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listed = self.listed.iter();
        let listed = listed.map(|l| (l.work.definition().id, &l.at, l.through));
        f.debug_struct("Timeline")
            .field("sources", &self.files.len())
            .field("steps", &listed.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

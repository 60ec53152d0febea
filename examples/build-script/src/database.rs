//! What happens to the database: files and steps in one order, and the look at the start of a process.

use std::time::Duration;

use diesel::migration::MigrationVersion;
use diesel::SqliteConnection;
use diesel_migrations::{embed_migrations, EmbeddedMigrations, MigrationHarness};
use expand_contract::migrations::{Harness, Timeline};
use expand_contract::phase::Step;
use expand_contract::startup::{self, Report};
use expand_contract::{Migrate, Options};

use crate::schema::uploads;
use crate::Failure;

const FILES: EmbeddedMigrations = embed_migrations!();

/// The files, and the steps of the one migration. A release that is to go no further than `switch` by itself would write
/// the step here; this one takes it from the job that deploys it.
fn timeline(through: Step) -> Timeline<SqliteConnection> {
    Timeline::new()
        .files(FILES)
        .through::<uploads::table>("2026-06-01-120000", through)
        // nobody else has this database open
        .options(|| Options::new().grace(Duration::ZERO))
}

/// Everything that is pending through the step; what was run.
pub(crate) fn migrate(conn: &mut SqliteConnection, through: Step) -> Result<Vec<String>, Failure> {
    let mut harness = Harness::new(conn);
    let run = harness.run_pending_migrations(timeline(through))?;
    Ok(run.iter().map(MigrationVersion::to_string).collect())
}

/// The files alone, as the release before has run them.
pub(crate) fn migrate_files(conn: &mut SqliteConnection) -> Result<(), Failure> {
    Harness::new(conn).run_pending_migrations(FILES)?;
    Ok(())
}

/// What a process looks at before it serves.
pub(crate) fn check(conn: &mut SqliteConnection) -> Result<Report, Failure> {
    Ok(startup::of::<uploads::table>().check(conn)?)
}

/// Reads the phase; from then on the statements of this process are right for it.
pub(crate) fn load(conn: &mut SqliteConnection) -> Result<String, Failure> {
    let status = uploads::table::migration().load(conn)?;
    Ok(status.stage.to_string())
}

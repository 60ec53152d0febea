//! A project whose build script checks models, snapshot and migrations, and whose steps run among its `diesel_migrations`.
//!
//! Without arguments it takes a database of its own through all of them. With arguments it is what the jobs in
//! `.github/workflows/migrations.yml` call: `migrate <database> <step>` and `check <database>`.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod database;
mod model;
mod schema;

use std::process::ExitCode;

use diesel::prelude::*;
use expand_contract::phase::Step;
use expand_contract::startup::Severity;

use crate::model::Upload;
use crate::schema::uploads;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        [] => journey(),
        ["migrate", database, step] => migrate(database, step),
        ["check", database] => check(database),
        _ => Err("expected nothing, `migrate <database> <step>` or `check <database>`".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn migrate(database: &str, step: &str) -> Result<(), Failure> {
    let mut conn = SqliteConnection::establish(database)?;
    for version in database::migrate(&mut conn, step.parse::<Step>()?)? {
        println!("ran {version}");
    }
    Ok(())
}

fn check(database: &str) -> Result<(), Failure> {
    let mut conn = SqliteConnection::establish(database)?;
    let report = database::check(&mut conn)?;
    for finding in report.findings() {
        println!("{finding}");
    }
    Ok(report.refuse_at(Severity::Refusal)?)
}

/// What the jobs do one by one, with the same two statements of the application after each.
fn journey() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let mut conn = SqliteConnection::establish(&folder.path().join("app.db").to_string_lossy())?;
    // as the release before has left it
    database::migrate_files(&mut conn)?;
    let old = "INSERT INTO uploads (id, name, checksum) VALUES (1, 'a.tar', 'cafe')";
    diesel::sql_query(old).execute(&mut conn)?;
    for (id, step) in (2..).zip([
        Step::Expand,
        Step::Backfill,
        Step::Verify,
        Step::Switch,
        Step::Retire,
        Step::Contract,
    ]) {
        for version in database::migrate(&mut conn, step)? {
            println!("ran {version}");
        }
        let phase = database::load(&mut conn)?;
        let upload = Upload {
            id,
            name: format!("{step}.tar"),
            sha256: vec![0xbe, 0xef],
        };
        diesel::insert_into(uploads::table)
            .values(&upload)
            .execute(&mut conn)?;
        let found: Vec<Upload> = uploads::table
            .filter(Upload::sha256.eq([0xbe, 0xef].as_slice()))
            .select(Upload::as_select())
            .load(&mut conn)?;
        println!("    {phase}: {} rows of today", found.len());
        for finding in database::check(&mut conn)?.findings() {
            println!("    {finding}");
        }
    }
    Ok(())
}

//! A rolling deployment and a migration under it, with everybody who may be about at the same time.
//!
//! Four instances of release N (plain Diesel, `legacy_email`) serve clients; strangers write by raw SQL. An orchestrator
//! replaces two of them by release N+1 (annotated, `primary_contact`), an operator runs the steps of the migration with
//! one rollback on the way, the last instances of release N go, the strangers go, and the old column goes. All are
//! processes of their own on one PostgreSQL. Clients insert, update, upsert, read and delete throughout; each write that
//! was acknowledged is read back through both releases as long as both live. Ends with a table, and with an error unless
//! nothing failed and nothing was stale, lost or torn.
#![forbid(unsafe_code)]

mod fleet;
mod journey;
mod operator;
mod programs;
mod stats;
mod stranger;
mod traffic;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Parser;
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, RunQueryDsl};
use rolling_deploy::history::History;
use rolling_deploy::server::Server;
use rolling_deploy::{report, Failure};

use fleet::Routes;
use stats::Stats;
use traffic::Traffic;

#[derive(Parser)]
#[command(about = "Replaces a column during a rolling deployment, under clients and strangers")]
pub struct Args {
    /// A PostgreSQL database without a table `accounts`; otherwise a private server is started.
    #[arg(long)]
    url: Option<String>,
    /// How long to stay in each phase.
    #[arg(long, default_value_t = 2.0)]
    seconds_per_phase: f64,
    /// Rows in the table before it starts.
    #[arg(long, default_value_t = 20_000)]
    rows: usize,
    /// Of the choices that the clients make.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many clients write; half as many read.
    #[arg(long, default_value_t = 4)]
    writers: u64,
    /// How long each client pauses between its rounds (a write and its reads, or a read), in milliseconds.
    #[arg(long, default_value_t = 2)]
    pause: u64,
    /// From `switched` on, strangers bypass the triggers of the safety net: shows that the checker finds out. (They must
    /// be superusers.)
    #[arg(long)]
    bypass_safety_net: bool,
    /// The program of release N, if it is not to be built.
    #[arg(long, requires = "release_n_plus_1")]
    release_n: Option<PathBuf>,
    /// The program of release N+1, if it is not to be built.
    #[arg(long, requires = "release_n")]
    release_n_plus_1: Option<PathBuf>,
}

/// The table as release N made it.
const TABLE: &str = "CREATE TABLE accounts (
    id bigint PRIMARY KEY,
    name text NOT NULL,
    plan text NOT NULL DEFAULT 'free',
    notes text,
    revision bigint NOT NULL,
    legacy_email varchar(120) NOT NULL
);
CREATE UNIQUE INDEX accounts_contact ON accounts (legacy_email)";

fn main() -> ExitCode {
    report("rolling-deploy", run(&Args::parse()))
}

fn run(args: &Args) -> Result<(), Failure> {
    let programs = programs::find(args)?;
    let private = match args.url {
        Some(_) => None,
        None => Some(Server::start()?),
    };
    let url = match (&args.url, &private) {
        (Some(url), _) => url.clone(),
        (None, Some(server)) => server.url(),
        (None, None) => String::new(),
    };
    create(&url, args.rows)?;

    let routes = Routes::default();
    let stats = Stats::new(&journey::LEGS);
    // a fifth of the keys has no row to begin with
    let history = History::new(args.rows, args.rows + args.rows / 4 + 64);
    let traffic = Traffic {
        routes: &routes,
        history: &history,
        stats: &stats,
        url: &url,
        writers: args.writers.max(1),
        seed: args.seed,
        pause: Duration::from_millis(args.pause),
        bypass: AtomicBool::new(false),
        stop: AtomicBool::new(false),
    };
    let outcome = std::thread::scope(|threads| {
        for writer in 0..traffic.writers {
            let traffic = &traffic;
            threads.spawn(move || traffic.write(writer));
        }
        for reader in 0..traffic.writers.div_ceil(2) {
            let traffic = &traffic;
            threads.spawn(move || traffic.read(reader));
        }
        let result = journey::travel(args, &programs, &traffic);
        traffic.stop.store(true, Ordering::Relaxed);
        result
    })
    // where it broke off, the counts say more than the reason
    .and_then(|()| journey::arrive(&url, &history, &stats));

    println!("\n{}", stats.table());
    for complaint in stats.complaints() {
        println!("{complaint}");
    }
    let rows = outcome?;
    match stats.wrong() {
        0 => {
            println!(
                "{rows} rows are what was acknowledged last; nothing failed, nothing was stale, lost or torn"
            );
            Ok(())
        }
        wrong => Err(format!("{wrong} statements failed, or were stale, lost or torn").into()),
    }
}

fn create(url: &str, rows: usize) -> Result<(), Failure> {
    let mut conn = PgConnection::establish(url)?;
    conn.batch_execute(TABLE).map_err(|error| {
        format!("{error}: the database of `--url` must have no table `accounts` yet")
    })?;
    // as `history::name` and `history::contact` have it
    diesel::sql_query(
        "INSERT INTO accounts (id, name, revision, legacy_email) \
         SELECT n, 'account ' || n, 0, n || '.0@example.org' FROM generate_series(0, $1 - 1) n",
    )
    .bind::<diesel::sql_types::BigInt, _>(i64::try_from(rows)?)
    .execute(&mut conn)?;
    conn.batch_execute("ANALYZE accounts")?;
    Ok(())
}

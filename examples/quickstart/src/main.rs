//! `checksum TEXT` becomes `tar_sha256 BLOB` while the application keeps running.
//!
//! Reads the real packages of the workspace's `Cargo.lock` into a table, multiplied to `--rows`, and takes it through all
//! phases, with a rollback on the way, while two writers and a reader go on through the same model code. Ends with a
//! table, and with an error if any statement failed or any row is not what `Cargo.lock` says.

mod model;
mod packages;
mod schema;
mod store;
mod traffic;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;
use diesel::SqliteConnection;
use expand_contract::phase::Step;
use expand_contract::Options;
use indicatif::{ProgressBar, ProgressStyle};
use packages::Package;
use store::Store;
use traffic::Traffic;

#[derive(Parser)]
#[command(about = "Replaces a column under two writers and a reader")]
struct Args {
    /// Rows in the table before it starts.
    #[arg(long, default_value_t = 200_000)]
    rows: i64,
    /// How long to stay in each phase, in milliseconds.
    #[arg(long, default_value_t = 1_000)]
    rest: u64,
    /// A database of PostgreSQL (`postgres://…`, feature `postgres`) instead of a SQLite file.
    #[arg(long)]
    url: Option<String>,
    /// Where the packages come from.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock"))]
    lock: PathBuf,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The legs of the journey: what it is called, and the steps that lead there.
const LEGS: &[(&str, &[Step])] = &[
    ("original", &[]),
    ("expanded", &[Step::Expand, Step::Backfill, Step::Verify]),
    ("switched", &[Step::Switch]),
    ("expanded, rolled back", &[Step::Rollback]),
    ("switched again", &[Step::Verify, Step::Switch]),
    ("retired", &[Step::Retire]),
    ("contracted", &[Step::Contract]),
];

fn main() -> Result<(), Failure> {
    let args = Args::parse();
    match &args.url {
        None => {
            let folder = std::env::temp_dir().join(format!("quickstart-{}", std::process::id()));
            std::fs::create_dir_all(&folder)?;
            let file = folder.join("versions.db");
            let result = run::<SqliteConnection>(&args, &file.to_string_lossy());
            std::fs::remove_dir_all(&folder)?;
            result
        }
        #[cfg(feature = "postgres")]
        Some(url) => run::<diesel::PgConnection>(&args, url),
        #[cfg(not(feature = "postgres"))]
        Some(_) => Err("add `--features postgres` to the command".into()),
    }
}

/// The package of a row, and which of its copies the row is.
fn nth(packages: &[Package], i: i64) -> (&Package, i64) {
    let count = i64::try_from(packages.len()).unwrap_or(i64::MAX);
    let index = usize::try_from(i % count).unwrap_or(0);
    (&packages[index], i / count)
}

struct Row {
    seconds: f64,
    rows: usize,
}

fn run<S: Store>(args: &Args, url: &str) -> Result<(), Failure> {
    let packages = packages::read(&args.lock)?;
    let mut store = S::open(url)?;
    println!(
        "{} packages of {} as {} rows",
        packages.len(),
        args.lock.display(),
        args.rows
    );
    store.create(&packages, args.rows)?;

    // Once per process, before the first statement: the phase that the ledger says.
    store.load_phase()?;

    let traffic = Traffic::new(&packages, args.rows, LEGS.len());
    let journey = std::thread::scope(|threads| {
        for writer in 0..2 {
            let traffic = &traffic;
            threads.spawn(move || traffic.write::<S>(url, writer));
        }
        threads.spawn(|| traffic.read::<S>(url));
        let journey = journey(args, &mut store, &traffic);
        traffic.stop();
        journey
    })?;

    let rows = traffic.check(&mut store)?;
    report(&traffic, &journey);
    println!("\n{rows} rows are what Cargo.lock says");
    let failed: u64 = (0..LEGS.len()).map(|leg| traffic.leg(leg).failed()).sum();
    if failed > 0 {
        return Err(format!("{failed} statements failed: {:#?}", traffic.errors()).into());
    }

    let checked = store.tenants().map_err(|error| error.to_string())?;
    println!("tenant_accounts: legacy_email became primary_contact, {checked} rows read through the repository");
    Ok(())
}

/// Takes the table through the phases, staying a while in each.
fn journey<S: Store>(
    args: &Args,
    store: &mut S,
    traffic: &Traffic<'_>,
) -> Result<Vec<Row>, Failure> {
    let style = ProgressStyle::with_template("{prefix:>22} {bar:30} {pos:>8} rows {msg}")?;
    let mut journey = Vec::new();
    for (leg, (name, steps)) in LEGS.iter().enumerate() {
        traffic.enter(leg);
        let start = Instant::now();
        let bar = ProgressBar::new(u64::try_from(args.rows)?)
            .with_style(style.clone())
            .with_prefix(*name);
        for step in *steps {
            bar.set_message(step.to_string());
            let progress = bar.clone();
            let options = Options::new().on_progress(move |now| {
                progress.set_length(now.estimated_total.unwrap_or(now.rows).max(now.rows));
                progress.set_position(now.rows);
            });
            store.advance(*step, options)?;
        }
        bar.set_message("at rest");
        std::thread::sleep(Duration::from_millis(args.rest));
        let rows = traffic.check(store)?;
        bar.finish_with_message("done");
        journey.push(Row {
            seconds: start.elapsed().as_secs_f64(),
            rows,
        });
    }
    Ok(journey)
}

fn report(traffic: &Traffic<'_>, journey: &[Row]) {
    println!(
        "\n{:<22} {:>8} {:>11} {:>7} {:>11} {:>14}",
        "phase", "seconds", "statements", "failed", "slowest ms", "rows verified"
    );
    for (leg, ((name, _), row)) in LEGS.iter().zip(journey).enumerate() {
        let of = traffic.leg(leg);
        println!(
            "{name:<22} {:>8.2} {:>11} {:>7} {:>11.1} {:>14}",
            row.seconds,
            of.statements(),
            of.failed(),
            of.slowest().as_secs_f64() * 1e3,
            row.rows
        );
    }
}

//! Release N+1: the annotated model. Its instances serve, and the operator runs the steps of the migration with it.

mod store;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use diesel::{Connection, PgConnection};
use expand_contract::phase::Step;
use expand_contract::{Lease, Options};
use rolling_deploy::service::serve;
use rolling_deploy::{report, Failure};
use store::Account;

#[derive(Parser)]
#[command(about = "The next release of the service")]
struct Args {
    /// The database.
    #[arg(long)]
    url: String,
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Serves clients.
    Serve,
    /// One step of the migration: expand, backfill, verify, switch, retire, contract, rollback.
    Migrate {
        step: Step,
        /// For how long no writer may have been seen that knows only one of the columns, before retire and contract.
        #[arg(long, default_value_t = 24 * 60 * 60 * 1000)]
        quiet_ms: u64,
    },
}

/// For so long an instance that dies holds up the operator.
const LEASE: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    report("release N+1", run(Args::parse()))
}

fn run(args: Args) -> Result<(), Failure> {
    match args.task {
        Task::Serve => {
            let url = args.url.clone();
            // keeps the phase up to date, and lets the operator's steps wait for this instance
            let lease = Lease::of::<store::accounts::table>()
                .application("shop", "N+1")
                .duration(LEASE)
                .start(move || PgConnection::establish(&url))?;
            serve::<store::Accounts>(&args.url)?;
            lease.shutdown()?;
        }
        Task::Migrate { step, quiet_ms } => {
            let options = Options::new()
                .quiet_period(Duration::from_millis(quiet_ms))
                .holder("the operator of the rolling deployment");
            let mut conn = PgConnection::establish(&args.url)?;
            let status = Account::migration()
                .options(options)
                .advance_to(&mut conn, step)?;
            println!("{}", status.stage);
        }
    }
    Ok(())
}

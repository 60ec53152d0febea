//! Release N: plain Diesel, and `legacy_email`. It was built before anybody thought of another column, and it does not
//! know `expand-contract`.

mod store;

use std::process::ExitCode;

use clap::Parser;
use rolling_deploy::report;
use rolling_deploy::service::serve;

#[derive(Parser)]
#[command(about = "The previous release of the service")]
struct Args {
    /// The database.
    #[arg(long)]
    url: String,
}

fn main() -> ExitCode {
    let args = Args::parse();
    report("release N", serve::<store::Accounts>(&args.url))
}

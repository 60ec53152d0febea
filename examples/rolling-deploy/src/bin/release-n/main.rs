//! Release N: plain Diesel, and `legacy_email`. It was built before anybody thought of another column, and it does not
//! know `expand-contract`.

mod store;

use clap::Parser;
use rolling_deploy::service::serve;
use rolling_deploy::Failure;

#[derive(Parser)]
#[command(about = "The previous release of the service")]
struct Args {
    /// The database.
    #[arg(long)]
    url: String,
}

fn main() -> Result<(), Failure> {
    let args = Args::parse();
    serve::<store::Accounts>(&args.url)
}

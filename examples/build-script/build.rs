//! What is checked with every build. `EXPAND_CONTRACT_ACCEPT=1 cargo build` accepts what the snapshot says is new.

use expand_contract::build::{Build, Database, Lints, Models, Snapshot, StepFiles};

fn main() -> std::process::ExitCode {
    Build::new()
        .models(Models::new().tree("src/main.rs"))
        .snapshot(Snapshot::new("columns.snapshot"))
        .steps(StepFiles::new("steps/sqlite", Database::Sqlite))
        .migrations(Lints::new("migrations", Database::Sqlite))
        .run()
}

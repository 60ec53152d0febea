//! What is checked with every build. `EXPAND_CONTRACT_ACCEPT=1 cargo build` accepts what the snapshot and the steps say is new.

use expand_contract::build::{Build, Database, Lints, Models, Snapshot, StepFiles};

fn main() -> std::process::ExitCode {
    Build::new()
        .models(Models::new().tree("src/main.rs"))
        .snapshot(Snapshot::new("columns.snapshot"))
        .steps(
            StepFiles::new("steps/sqlite", Database::Sqlite)
                .at("uploads/sha256", "2026-06-01-120000"),
        )
        .migrations(Lints::new("migrations", Database::Sqlite))
        .run()
}

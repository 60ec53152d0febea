//! The commands of the CI recipe, in its order, on a database of their own.

use std::path::Path;
use std::process::Command;

type Failure = Box<dyn std::error::Error>;

#[test]
fn the_jobs_lead_from_an_empty_database_to_the_end() -> Result<(), Failure> {
    let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/workflows/migrations.yml");
    let recipe = std::fs::read_to_string(recipe)?;
    let folder = tempfile::tempdir()?;
    let database = folder.path().join("app.db");
    let mut steps = Vec::new();
    for line in recipe.lines() {
        let Some((_, arguments)) = line.split_once("cargo run --locked --quiet -- ") else {
            continue;
        };
        let arguments = arguments.split(' ').map(|word| match word {
            "\"$DATABASE\"" => database.as_os_str().to_owned(),
            word => word.into(),
        });
        let output = Command::new(env!("CARGO_BIN_EXE_build-script-example"))
            .args(arguments)
            .output()?;
        let said =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {said}");
        let ran = said
            .lines()
            .filter_map(|line| line.strip_prefix("ran 20260601120000s"));
        steps.extend(ran.map(str::to_owned));
    }
    let expected = [
        "01expand",
        "02backfill",
        "03verify",
        "04switch",
        "05retire",
        "06contract",
    ];
    assert_eq!(steps, expected);
    Ok(())
}

#[test]
fn a_database_that_the_binary_does_not_fit_is_refused() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let output = Command::new(env!("CARGO_BIN_EXE_build-script-example"))
        .arg("check")
        .arg(folder.path().join("empty.db"))
        .output()?;
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("uploads does not exist"), "{said}");
    Ok(())
}

//! The programs of the two releases.

use std::env;
use std::path::Path;
use std::process::Command;

use rolling_deploy::Failure;

use crate::fleet::Programs;
use crate::Args;

/// Those that were named, else those beside this program, which `cargo run` has not built along.
pub fn find(args: &Args) -> Result<Programs, Failure> {
    if let (Some(release_n), Some(release_n_plus_1)) = (&args.release_n, &args.release_n_plus_1) {
        return Ok(Programs {
            release_n: release_n.clone(),
            release_n_plus_1: release_n_plus_1.clone(),
        });
    }
    let this = env::current_exe()?;
    let folder = this.parent().ok_or("this program is in no folder")?;
    if let Some(cargo) = env::var_os("CARGO") {
        build(Path::new(&cargo), folder)?;
    }
    let program = |name: &str| {
        let path = folder.join(name).with_extension(env::consts::EXE_EXTENSION);
        path.is_file()
            .then_some(path)
            .ok_or_else(|| format!("{name} is missing: `cargo build -p rolling-deploy` makes it"))
    };
    Ok(Programs {
        release_n: program("release-n")?,
        release_n_plus_1: program("release-n-plus-1")?,
    })
}

/// Builds them into the folder of this program, as this program was built.
fn build(cargo: &Path, folder: &Path) -> Result<(), Failure> {
    let (Some(target), Some(profile)) = (
        folder.parent(),
        folder.file_name().and_then(|name| name.to_str()),
    ) else {
        return Ok(());
    };
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--bins", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .args([
            "--profile",
            if profile == "debug" { "dev" } else { profile },
        ])
        .arg("--target-dir")
        .arg(target)
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err("the programs of the releases could not be built".into())
    }
}

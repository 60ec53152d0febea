//! Where the server binaries are.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// Names the folder of the server binaries to use.
const FOLDER: &str = "TESTDB_PG_BIN";
/// Where Debian and Ubuntu keep one folder per major version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The folder with `initdb` and `postgres`; a replica needs `pg_basebackup` as well.
pub(super) fn find() -> PathBuf {
    if let Some(folder) = env::var_os(FOLDER) {
        let folder = PathBuf::from(folder);
        assert!(
            is_complete(&folder),
            "{FOLDER}={} has no initdb and postgres",
            folder.display()
        );
        return folder;
    }
    newest(Path::new(DEBIAN))
        .or_else(|| env::split_paths(&env::var_os("PATH")?).find(|folder| is_complete(folder)))
        .unwrap_or_else(|| {
            panic!(
                "no PostgreSQL server binaries: run `sudo apt-get install --no-install-recommends postgresql`, \
                 or set {FOLDER} to the folder of initdb, postgres and pg_basebackup"
            )
        })
}

fn newest(parent: &Path) -> Option<PathBuf> {
    fs::read_dir(parent)
        .ok()?
        .filter_map(|entry| {
            let version = entry.ok()?.path();
            let major: u32 = version.file_name().and_then(OsStr::to_str)?.parse().ok()?;
            Some((major, version.join("bin")))
        })
        .filter(|(_, folder)| is_complete(folder))
        .max()
        .map(|(_, folder)| folder)
}

fn is_complete(folder: &Path) -> bool {
    ["initdb", "postgres"]
        .iter()
        .all(|binary| folder.join(binary).is_file())
}

//! A private PostgreSQL for as long as the program runs: in a temporary folder, on a socket, gone with the process that
//! started it, however that ends.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::{chown, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use diesel::{Connection, PgConnection};
use rustix::process::geteuid;

use crate::Failure;

/// The server; dropping it stops it and removes its folder.
pub struct Server {
    folder: PathBuf,
    supervisor: Child,
}

/// What is written is gone with the server anyway.
const SETTINGS: &[&str] = &[
    "listen_addresses=",
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "max_connections=200",
];
/// A socket's path is short: 107 bytes on Linux, 103 elsewhere, with the name that the server adds.
const LONGEST_FOLDER: usize = 50;
const START: Duration = Duration::from_secs(60);

impl Server {
    /// Starts one with the newest server binaries on this machine.
    pub fn start() -> Result<Self, Failure> {
        let binaries = binaries().ok_or(
            "no PostgreSQL server is installed: give the address of a database with `--url postgres://…`, or install one \
             (Debian: `apt-get install --no-install-recommends postgresql`; TESTDB_PG_BIN may name the folder of its \
             initdb and postgres)",
        )?;
        let folder = tempfile::Builder::new()
            .prefix("rolling-deploy-")
            .tempdir_in(parent_folder())?;
        let mut command = Command::new("sh");
        command.args(["-c", include_str!("supervisor.sh"), "supervisor"]);
        command.args([folder.path(), &binaries]);
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        command
            .current_dir("/")
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // out of the reach of Ctrl-C: it has to outlive this process for a moment
            .process_group(0);
        if geteuid().is_root() {
            // PostgreSQL refuses to run as root
            let (user, group) = nobody();
            fs::set_permissions(folder.path(), Permissions::from_mode(0o700))?;
            chown(folder.path(), Some(user), Some(group))?;
            command.uid(user).gid(group);
        }
        let supervisor = command.spawn()?;
        let mut server = Server {
            // from here on the supervisor removes it
            folder: folder.keep(),
            supervisor,
        };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Its address, for libpq.
    pub fn url(&self) -> String {
        format!(
            "postgresql:///postgres?user=postgres&port=5432&host={}",
            self.folder.display()
        )
    }

    fn wait_until_ready(&mut self) -> Result<(), Failure> {
        let start = Instant::now();
        while PgConnection::establish(&self.url()).is_err() {
            let ended = self.supervisor.try_wait()?.is_some();
            if ended || self.folder.join("stopped").exists() || start.elapsed() > START {
                let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                return Err(format!("PostgreSQL did not start:\n{log}").into());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        // fails only if it has ended already
        let _ = self.supervisor.wait();
    }
}

fn binaries() -> Option<PathBuf> {
    let usable = |folder: &PathBuf| {
        ["initdb", "postgres"]
            .iter()
            .all(|binary| folder.join(binary).is_file())
    };
    let debian = || {
        fs::read_dir("/usr/lib/postgresql")
            .ok()?
            .filter_map(|entry| {
                let version = entry.ok()?.path();
                let major: u32 = version.file_name().and_then(OsStr::to_str)?.parse().ok()?;
                Some((major, version.join("bin")))
            })
            .filter(|(_, folder)| usable(folder))
            .max()
            .map(|(_, folder)| folder)
    };
    env::var_os("TESTDB_PG_BIN")
        .map(PathBuf::from)
        .filter(usable)
        .or_else(debian)
        .or_else(|| env::split_paths(&env::var_os("PATH")?).find(usable))
}

/// The temporary folder, unless another user could not use it there, or its path is too long for a socket or has
/// characters that would need quoting in a URL.
fn parent_folder() -> PathBuf {
    let folder = env::temp_dir();
    let allows = |folder: &Path, bits: u32| {
        fs::metadata(folder).is_ok_and(|found| found.permissions().mode() & bits == bits)
    };
    let open =
        || allows(&folder, 0o003) && folder.ancestors().skip(1).all(|above| allows(above, 0o001));
    let plain = folder.to_str().is_some_and(|path| {
        path.len() <= LONGEST_FOLDER
            && path
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"/-_.".contains(&b))
    });
    if folder.is_absolute() && plain && (!geteuid().is_root() || open()) {
        folder
    } else {
        PathBuf::from("/tmp")
    }
}

/// The user and the group that own nothing.
fn nobody() -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    users
        .lines()
        .find_map(|line| {
            let mut fields = line.strip_prefix("nobody:")?.split(':').skip(1);
            Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
        })
        .unwrap_or((65534, 65534))
}

//! The server.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::{chown, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};

use diesel::sql_types::Text;
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl};
use rustix::process::geteuid;

use super::binaries;
use crate::wait;

/// A private PostgreSQL server: it listens on a socket in its own folder only. Both are gone when it is dropped, and
/// soon after the test process has ended, in whatever way.
#[derive(Debug)]
pub struct PgServer {
    folder: PathBuf,
    supervisor: Child,
}

#[derive(QueryableByName)]
struct Lsn {
    #[diesel(sql_type = Text)]
    lsn: String,
}

/// What a test server gives up or needs: nothing survives a crash, and many tests are connected at once.
const SETTINGS: &[(&str, &str)] = &[
    ("listen_addresses", ""),
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("synchronous_commit", "off"),
    ("max_connections", "200"),
];
const SUPERVISOR: &str = include_str!("supervisor.sh");
/// A socket's path has at most 107 bytes on Linux and 103 elsewhere; the server adds its file's name to the folder's.
const LONGEST_FOLDER: usize = 80;

impl PgServer {
    /// Settings under which a write costs what it costs on a server that is set up for the size of its tables, for benchmarks.
    pub const DURABLE: [(&'static str, &'static str); 7] = [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        // no checkpoint in the turn of one of the sides
        ("checkpoint_timeout", "1h"),
        ("max_wal_size", "16GB"),
        // one has segments of the log to write over; a new server fills each with zeros first, while everybody waits
        ("min_wal_size", "4GB"),
        // at the default nobody reads a page before an older one was written, and the log before that
        ("shared_buffers", "1GB"),
    ];

    /// The server that the tests of this process share, started by the first one that asks.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn shared() -> Arc<Self> {
        static SHARED: OnceLock<Arc<PgServer>> = OnceLock::new();
        Arc::clone(SHARED.get_or_init(|| Self::start(&[])))
    }

    /// Starts one more server, for a test that needs settings of its own; they win over the usual ones.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start(settings: &[(&str, &str)]) -> Arc<Self> {
        Self::create(None, settings)
    }

    /// Starts a streaming replica of this server, which answers queries and lags as `pg_wal_replay_pause()` says.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn replica(&self) -> Arc<Self> {
        Self::create(Some(&self.folder), &[])
    }

    fn create(primary: Option<&Path>, settings: &[(&str, &str)]) -> Arc<Self> {
        let binaries = binaries::find();
        assert!(
            primary.is_none() || binaries.join("pg_basebackup").is_file(),
            "{} has no pg_basebackup, which a replica is made with",
            binaries.display()
        );
        let folder = folder("expand-contract-pg-");
        let mut command = Command::new("sh");
        command.args(["-c", SUPERVISOR, "supervisor"]);
        command.args([folder.path(), &binaries, primary.unwrap_or(Path::new(""))]);
        for (name, value) in SETTINGS.iter().chain(settings) {
            command.args(["-c", &format!("{name}={value}")]);
        }
        supervised(&mut command, folder.path());
        let supervisor = command.spawn().expect("sh can be started");
        let mut server = Self {
            // From here on, the supervisor removes it.
            folder: folder.keep(),
            supervisor,
        };
        server.wait_until_ready();
        Arc::new(server)
    }

    /// The folder of the socket, of the `log` and of the `data`.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The process id of the postmaster.
    ///
    /// # Panics
    ///
    /// When the server is gone.
    pub fn pid(&self) -> u32 {
        let file = self.folder.join("data/postmaster.pid");
        fs::read_to_string(file)
            .ok()
            .and_then(|text| text.lines().next()?.parse().ok())
            .expect("a running server has a pid file")
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        fs::read(self.folder.join("log")).map_or_else(
            |error| error.to_string(),
            |log| String::from_utf8_lossy(&log).into_owned(),
        )
    }

    /// The address of one of its databases, for libpq and for tokio-postgres.
    pub fn url(&self, database: &str) -> String {
        url(&self.folder, database)
    }

    /// A connection for creating and dropping databases.
    pub(super) fn connect(&self) -> PgConnection {
        PgConnection::establish(&self.url("postgres"))
            .unwrap_or_else(|error| panic!("{error}\n{}", self.log()))
    }

    /// Waits until a replica has replayed all that `primary` has done so far.
    ///
    /// # Panics
    ///
    /// When it does not get there within [`wait::DEADLINE`].
    #[track_caller]
    pub fn wait_for(&self, primary: &PgServer) {
        let written: Lsn = diesel::sql_query("SELECT pg_current_wal_insert_lsn()::text AS lsn")
            .get_result(&mut primary.connect())
            .expect("the primary knows where it is");
        let reached = format!(
            "SELECT (pg_last_wal_replay_lsn() >= '{}')::text AS lsn",
            written.lsn
        );
        let mut replica = self.connect();
        wait::until("the replica has caught up", || {
            let answer: Result<Lsn, _> = diesel::sql_query(&reached).get_result(&mut replica);
            answer.is_ok_and(|answer| answer.lsn == "true")
        });
    }

    fn wait_until_ready(&mut self) {
        let url = self.url("postgres");
        wait::until("PostgreSQL accepts connections", || {
            let ended = self.supervisor.try_wait();
            assert!(
                matches!(ended, Ok(None)) && !self.folder.join("stopped").exists(),
                "PostgreSQL did not start:\n{}",
                self.log()
            );
            PgConnection::establish(&url).is_ok()
        });
    }
}

/// The address of a database by the socket in `folder`.
pub(super) fn url(folder: &Path, database: &str) -> String {
    let mut url = format!("postgresql:///{database}?user=postgres&port=5432&host=");
    for byte in folder.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' => url.push(char::from(*byte)),
            _ if byte.is_ascii_alphanumeric() => url.push(char::from(*byte)),
            _ => write!(url, "%{byte:02X}").expect("a string takes any text"),
        }
    }
    url
}

impl Drop for PgServer {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        // Fails only if it has ended already.
        let _ = self.supervisor.wait();
    }
}

/// A temporary folder for a server.
pub(super) fn folder(prefix: &str) -> tempfile::TempDir {
    tempfile::Builder::new()
        .prefix(prefix)
        .tempdir_in(parent_folder())
        .expect("a temporary folder can be created")
}

/// Lets a command that serves in the folder run as whom it may, and end with the pipe to it.
pub(super) fn supervised(command: &mut Command, folder: &Path) {
    command
        .current_dir("/")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Out of the reach of the signals that a terminal or a time limit sends to the tests: it has to outlive
        // them for a moment.
        .process_group(0);
    if geteuid().is_root() {
        // Servers refuse to run as root.
        let (user, group) = nobody();
        fs::set_permissions(folder, Permissions::from_mode(0o700))
            .and_then(|()| chown(folder, Some(user), Some(group)))
            .expect("root may give a folder away");
        command.uid(user).gid(group);
    }
}

/// Where the server's folder goes: the temporary folder, unless the server's user could not use it there, or its
/// path is too long for a socket.
fn parent_folder() -> PathBuf {
    let folder = std::env::temp_dir();
    let fits = folder.is_absolute() && folder.as_os_str().len() <= LONGEST_FOLDER - 32;
    if fits && (!geteuid().is_root() || is_open_to_all(&folder)) {
        folder
    } else {
        PathBuf::from("/tmp")
    }
}

/// Whether every user may create files in the folder, and reach it.
fn is_open_to_all(folder: &Path) -> bool {
    let allows = |folder: &Path, bits: u32| {
        fs::metadata(folder).is_ok_and(|found| found.permissions().mode() & bits == bits)
    };
    allows(folder, 0o003) && folder.ancestors().skip(1).all(|above| allows(above, 0o001))
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

//! PgBouncer in front of the server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use diesel::{Connection, PgConnection};

use super::server::{folder, supervised, url};
use super::{PgDatabase, PgServer};
use crate::wait;

const SUPERVISOR: &str = include_str!("pooler.sh");

/// A PgBouncer in transaction mode: it listens on a socket in its own folder only, and is gone when it is dropped, and soon
/// after the test process has ended, in whatever way.
#[derive(Debug)]
pub struct PgBouncer {
    folder: PathBuf,
    supervisor: Child,
}

impl PgBouncer {
    /// Starts one that has at most `size` connections to each database of the server.
    ///
    /// # Panics
    ///
    /// When it is not installed, or cannot be started.
    pub fn start(server: &PgServer, size: u32) -> Self {
        let binary = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
            .chain([PathBuf::from("/usr/sbin")])
            .map(|folder| folder.join("pgbouncer"))
            .find(|binary| binary.is_file())
            .expect("no pgbouncer: run `sudo apt-get install --no-install-recommends pgbouncer`");
        let folder = folder("expand-contract-pool-");
        let place = folder.path().display();
        let settings = format!(
            "[databases]\n* = host={} port=5432\n[pgbouncer]\nlisten_addr =\nlisten_port = 5432\n\
             unix_socket_dir = {place}\nauth_type = trust\nauth_file = {place}/users\npool_mode = transaction\n\
             default_pool_size = {size}\nmax_client_conn = 100\nquery_wait_timeout = 30\n",
            server.folder().display()
        );
        fs::write(folder.path().join("pgbouncer.ini"), settings)
            .and_then(|()| fs::write(folder.path().join("users"), "\"postgres\" \"\"\n"))
            .expect("a file can be written");
        let mut command = Command::new("sh");
        command.args(["-c", SUPERVISOR, "supervisor"]);
        command.args([folder.path(), &binary]);
        supervised(&mut command, folder.path());
        let supervisor = command.spawn().expect("sh can be started");
        let mut pooler = PgBouncer {
            // From here on, the supervisor removes it.
            folder: folder.keep(),
            supervisor,
        };
        pooler.wait_until_ready();
        pooler
    }

    /// The address of a database by way of the pooler.
    pub fn url(&self, db: &PgDatabase) -> String {
        url(&self.folder, db.name())
    }

    /// A connection by way of the pooler.
    ///
    /// # Panics
    ///
    /// When it refuses.
    pub fn connect(&self, db: &PgDatabase) -> PgConnection {
        PgConnection::establish(&self.url(db))
            .unwrap_or_else(|error| panic!("{error}\n{}", log(&self.folder)))
    }

    fn wait_until_ready(&mut self) {
        let url = url(&self.folder, "postgres");
        wait::until("PgBouncer accepts connections", || {
            let ended = self.supervisor.try_wait();
            assert!(
                matches!(ended, Ok(None)) && !self.folder.join("stopped").exists(),
                "PgBouncer did not start:\n{}",
                log(&self.folder)
            );
            PgConnection::establish(&url).is_ok()
        });
    }
}

fn log(folder: &Path) -> String {
    fs::read(folder.join("log")).map_or_else(
        |error| error.to_string(),
        |log| String::from_utf8_lossy(&log).into_owned(),
    )
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        // Fails only if it has ended already.
        let _ = self.supervisor.wait();
    }
}

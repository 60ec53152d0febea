//! SQLite databases for tests.

use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use tempfile::TempDir;

/// A SQLite database file of its own, removed on drop.
#[derive(Debug)]
pub struct SqliteDatabase {
    path: PathBuf,
    // Holds the file, its write-ahead log and its shared memory.
    _folder: TempDir,
}

impl SqliteDatabase {
    /// Creates an empty database.
    ///
    /// # Panics
    ///
    /// When the temporary folder cannot be written.
    #[expect(
        clippy::new_without_default,
        reason = "creating a file is no default value"
    )]
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("expand-contract-sqlite-")
            .tempdir()
            .expect("a temporary folder can be created");
        let database = Self {
            path: folder.path().join("test.db"),
            _folder: folder,
        };
        // The switch to WAL needs the file for itself; it is recorded in the file, so that later connections find it done.
        drop(database.connect());
        database
    }

    /// A copy of the file, to which nobody may be connected: the last to leave empties the write-ahead log.
    ///
    /// # Panics
    ///
    /// When the temporary folder cannot be written.
    #[must_use]
    pub fn copy(&self) -> Self {
        let copy = Self::new();
        std::fs::copy(&self.path, &copy.path).expect("the file can be copied");
        copy
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What Diesel's `SqliteConnection::establish` takes.
    pub fn url(&self) -> String {
        self.path
            .to_str()
            .expect("the path of the temporary folder is UTF-8")
            .to_owned()
    }

    /// Opens a connection the way an application with several of them does: it waits for locks, and readers do not
    /// block the writer.
    ///
    /// # Panics
    ///
    /// When SQLite refuses.
    pub fn connect(&self) -> SqliteConnection {
        let mut connection =
            SqliteConnection::establish(&self.url()).expect("the database file can be opened");
        connection
            .batch_execute("PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL;")
            .expect("SQLite takes the pragmas");
        connection
    }
}

/// A database that lives and dies with its only connection.
///
/// # Panics
///
/// When SQLite refuses.
pub fn in_memory() -> SqliteConnection {
    SqliteConnection::establish(":memory:").expect("SQLite opens a database in memory")
}

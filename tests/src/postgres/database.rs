//! A database of the server.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, QueryResult};

use super::PgServer;
use crate::wait;

/// A fresh PostgreSQL database, dropped on drop, whoever is still connected to it.
#[derive(Debug)]
pub struct PgDatabase {
    server: Arc<PgServer>,
    name: String,
}

impl PgDatabase {
    /// Creates an empty database on the server that the tests of this process share.
    ///
    /// # Panics
    ///
    /// When there is no server, or it refuses.
    #[expect(
        clippy::new_without_default,
        reason = "starting a server is no default value"
    )]
    pub fn new() -> Self {
        Self::on(&PgServer::shared())
    }

    /// Creates an empty database on a server of the test's own.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    pub fn on(server: &Arc<PgServer>) -> Self {
        // Nobody can be connected to template0, which would make the copy fail.
        let created = Self::from_template(server, "template0");
        created.unwrap_or_else(|error| panic!("{error}\n{}", server.log()))
    }

    /// Creates a copy of this database, once nobody is connected to it any more.
    ///
    /// # Panics
    ///
    /// When somebody stays.
    #[must_use]
    pub fn copy(&self) -> Self {
        let mut copy = None;
        // A connection that was closed lives on for a moment.
        wait::until("nobody is connected to the database", || {
            copy = Self::from_template(&self.server, &self.name).ok();
            copy.is_some()
        });
        copy.expect("it was made")
    }

    fn from_template(server: &Arc<PgServer>, template: &str) -> QueryResult<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        server
            .connect()
            .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template}"))?;
        Ok(Self {
            server: Arc::clone(server),
            name,
        })
    }

    /// Its name, by which a replica knows it too.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server it is on.
    pub fn server(&self) -> &PgServer {
        &self.server
    }

    /// What Diesel's `PgConnection::establish` takes; tokio-postgres takes it as well.
    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// The address of the database by way of a socket in another folder.
    pub fn url_by(&self, folder: &std::path::Path) -> String {
        super::server::url(folder, &self.name)
    }

    /// Opens a connection.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    pub fn connect(&self) -> PgConnection {
        PgConnection::establish(&self.url())
            .unwrap_or_else(|error| panic!("{error}\n{}", self.server.log()))
    }
}

impl Drop for PgDatabase {
    fn drop(&mut self) {
        // To fail here would hide why the test failed; what is left goes away with the server.
        if let Ok(mut connection) = PgConnection::establish(&self.server.url("postgres")) {
            let _ = connection.batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
        }
    }
}

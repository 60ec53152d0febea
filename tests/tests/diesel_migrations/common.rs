//! A project with migration files, and two migrations in steps.
#![allow(dead_code, unreachable_pub)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use diesel_migrations::FileBasedMigrations;
use expand_contract::Options;
use tempfile::TempDir;
pub use tests::database::{Db, Lite, Postgres};

pub mod model {
    use expand_contract::prelude::*;

    diesel::table! {
        versions (id) {
            id -> Integer,
            digest -> Text,
        }
    }

    #[derive(Queryable, Selectable, Insertable, Migrate)]
    #[diesel(table_name = versions)]
    pub struct Version {
        pub id: i32,
        #[migrate(rename_from = "checksum")]
        pub digest: String,
    }

    diesel::table! {
        accounts (id) {
            id -> Integer,
            balance -> BigInt,
        }
    }

    #[derive(Queryable, Selectable, Insertable, Migrate)]
    #[diesel(table_name = accounts)]
    pub struct Account {
        pub id: i32,
        #[migrate(retype_from = Integer, up = "balance", down = "balance", lossless)]
        pub balance: i64,
    }
}

pub type Versions = model::versions::table;
pub type Accounts = model::accounts::table;

/// Migration files in a folder of their own.
pub struct Files {
    folder: TempDir,
}

impl Files {
    pub fn new(migrations: &[(&str, &str, &str)]) -> Self {
        let files = Files {
            folder: tempfile::tempdir().unwrap(),
        };
        for (name, up, down) in migrations {
            files.add(name, up, down);
        }
        files
    }

    /// What most scenarios begin with: the tables, with two rows.
    pub fn project() -> Self {
        Files::new(&[
            (
                "2026-01-01-000000_create_versions",
                "CREATE TABLE versions (id integer NOT NULL PRIMARY KEY, checksum varchar(64) NOT NULL); \
                 INSERT INTO versions VALUES (1, 'cafe'), (2, 'beef')",
                "DROP TABLE versions",
            ),
            (
                "2026-01-02-000000_create_accounts",
                "CREATE TABLE accounts (id integer NOT NULL PRIMARY KEY, balance integer NOT NULL)",
                "DROP TABLE accounts",
            ),
        ])
    }

    pub fn add(&self, name: &str, up: &str, down: &str) {
        let folder = self.folder.path().join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("up.sql"), up).unwrap();
        fs::write(folder.join("down.sql"), down).unwrap();
    }

    /// The migration runs outside of a transaction.
    pub fn without_transaction(&self, name: &str) {
        let toml = self.folder.path().join(name).join("metadata.toml");
        fs::write(toml, "run_in_transaction = false").unwrap();
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What Diesel's CLI takes, and `embed_migrations!` at compile time.
    pub fn source(&self) -> FileBasedMigrations {
        FileBasedMigrations::from_path(self.path()).unwrap()
    }
}

pub fn fast() -> Options {
    Options::new()
        .grace(Duration::ZERO)
        .quiet_period(Duration::ZERO)
        .lease(Duration::from_millis(300))
}

/// The versions in Diesel's table, in order.
pub fn applied<D: Db>(conn: &mut D::Conn) -> Vec<String> {
    let sql = if D::POSTGRES {
        "SELECT string_agg(version, ' ' ORDER BY version COLLATE \"C\") FROM __diesel_schema_migrations"
    } else {
        "SELECT group_concat(version, ' ') FROM (SELECT version FROM __diesel_schema_migrations ORDER BY version)"
    };
    let versions = D::text(conn, sql).unwrap_or_default();
    versions.split_whitespace().map(str::to_owned).collect()
}

/// The columns of a table, in the order in which they are there.
pub fn columns<D: Db>(conn: &mut D::Conn, table: &str) -> String {
    let sql = if D::POSTGRES {
        format!(
            "SELECT string_agg(attname, ' ' ORDER BY attname) FROM pg_attribute \
             WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped"
        )
    } else {
        format!("SELECT group_concat(name, ' ') FROM (SELECT name FROM pragma_table_info('{table}') ORDER BY name)")
    };
    D::text(conn, &sql).unwrap_or_default()
}

pub fn phase<D: Db>(conn: &mut D::Conn) -> String {
    let ledger = if D::POSTGRES {
        "expand_contract.migrations"
    } else {
        "expand_contract_migrations"
    };
    let sql = format!("SELECT phase FROM {ledger} WHERE table_name LIKE '%versions%'");
    D::text(conn, &sql).unwrap_or_default()
}

/// Scenarios on both databases; in them `Db` is one and `Conn` its connection.
macro_rules! on_both {
    ($($(#[$meta:meta])* fn $name:ident() $body:block)*) => {
        mod sqlite {
            use super::*;
            type D = Lite;
            #[allow(dead_code)]
            type Conn = diesel::SqliteConnection;
            $(#[test] $(#[$meta])* fn $name() $body)*
        }
        mod postgres {
            use super::*;
            type D = Postgres;
            #[allow(dead_code)]
            type Conn = diesel::PgConnection;
            $(#[test] $(#[$meta])* fn $name() $body)*
        }
    };
}

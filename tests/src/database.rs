//! What scenarios for every database need of one: a fresh one, its values and its schema as text.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use expand_contract::RunnerConnection;

use crate::postgres::PgDatabase;
use crate::sqlite::SqliteDatabase;
use crate::wait;

/// A database of its own for one test.
pub trait Db: Sized {
    /// Diesel's connection.
    type Conn: RunnerConnection + 'static;
    /// Whether it is PostgreSQL.
    const POSTGRES: bool;
    /// An empty database.
    fn fresh() -> Self;
    /// A copy of the database, to which nobody may be connected.
    fn copy(&self) -> Self;
    /// What [`open`](Self::open) takes.
    fn url(&self) -> String;
    /// A connection to the database of a URL, in whichever process.
    fn open(url: &str) -> Self::Conn;
    /// A connection.
    fn connect(&self) -> Self::Conn {
        Self::open(&self.url())
    }
    /// One value, as text.
    fn text(conn: &mut Self::Conn, sql: &str) -> Option<String>;
    /// Everything about the schema except the ledger, as comparable text.
    fn schema(conn: &mut Self::Conn) -> String;
    /// Waits until this connection is the database's only one: that of a killed process may outlive it.
    fn alone(conn: &mut Self::Conn);
    /// Runs statements.
    ///
    /// # Panics
    ///
    /// When one fails.
    #[track_caller]
    fn run(conn: &mut Self::Conn, sql: &str) {
        if let Err(error) = conn.batch_execute(sql) {
            panic!("{sql}: {error}");
        }
    }
    /// Runs a statement that the library's triggers do not see.
    fn behind_the_triggers(conn: &mut Self::Conn, sql: &str);
    /// Whether a statement fails.
    fn fails(conn: &mut Self::Conn, sql: &str) -> bool {
        conn.batch_execute(sql).is_err()
    }
}

#[derive(QueryableByName)]
struct One {
    #[diesel(sql_type = Nullable<Text>)]
    x: Option<String>,
}

/// A SQLite file.
#[derive(Debug)]
pub struct Lite(SqliteDatabase);

impl Db for Lite {
    type Conn = SqliteConnection;
    const POSTGRES: bool = false;

    fn fresh() -> Self {
        Lite(SqliteDatabase::new())
    }

    fn copy(&self) -> Self {
        Lite(self.0.copy())
    }

    fn url(&self) -> String {
        self.0.url()
    }

    fn open(url: &str) -> SqliteConnection {
        let mut conn = SqliteConnection::establish(url).expect("the file can be opened");
        // in the order in which a writer at work cannot get in the way
        conn.batch_execute(
            "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA busy_timeout = 100",
        )
        .expect("SQLite takes the pragmas");
        conn
    }

    fn behind_the_triggers(conn: &mut SqliteConnection, sql: &str) {
        let [create, drop] = [
            "SELECT group_concat(sql, ';') FROM sqlite_master WHERE type = 'trigger'",
            "SELECT group_concat('DROP TRIGGER \"' || name || '\"', ';') FROM sqlite_master WHERE type = 'trigger'",
        ]
        .map(|sql| Self::text(conn, sql).unwrap_or_default());
        Self::run(conn, &format!("BEGIN; {drop}; {sql}; {create}; COMMIT"));
    }

    #[track_caller]
    fn text(conn: &mut SqliteConnection, sql: &str) -> Option<String> {
        let select = format!("SELECT CAST(({sql}) AS TEXT) AS x");
        match diesel::sql_query(select).get_result::<One>(conn) {
            Ok(one) => one.x,
            Err(error) => panic!("{sql}: {error}"),
        }
    }

    fn schema(conn: &mut SqliteConnection) -> String {
        let sql = "SELECT group_concat(sql, ';\n') FROM (SELECT sql FROM sqlite_master \
                   WHERE sql IS NOT NULL AND name NOT LIKE 'expand_contract%' \
                   AND name NOT LIKE 'sqlite_%' ORDER BY name)";
        Self::text(conn, sql).unwrap_or_default()
    }

    fn alone(_conn: &mut SqliteConnection) {
        // a process takes its connections with it
    }
}

/// A PostgreSQL database on the server of this test process.
#[derive(Debug)]
pub struct Postgres(PgDatabase);

impl Postgres {
    /// Creates a collation in which values are equal that print differently, where the server knows of such: some packages
    /// of it are built without ICU.
    pub fn create_collation_without_case(conn: &mut PgConnection, name: &str) {
        let icu = "(provider = icu, locale = 'und-u-ks-level2', deterministic = false)";
        if Self::fails(conn, &format!("CREATE COLLATION {name} {icu}")) {
            Self::run(conn, &format!("CREATE COLLATION {name} FROM \"C\""));
        }
    }
}

impl Db for Postgres {
    type Conn = PgConnection;
    const POSTGRES: bool = true;

    fn fresh() -> Self {
        Postgres(PgDatabase::new())
    }

    fn copy(&self) -> Self {
        Postgres(self.0.copy())
    }

    fn url(&self) -> String {
        self.0.url()
    }

    fn open(url: &str) -> PgConnection {
        PgConnection::establish(url).expect("the server lets in whoever may use it")
    }

    fn behind_the_triggers(conn: &mut PgConnection, sql: &str) {
        Self::run(
            conn,
            &format!(
                "SET session_replication_role = replica; {sql}; RESET session_replication_role"
            ),
        );
    }

    #[track_caller]
    fn text(conn: &mut PgConnection, sql: &str) -> Option<String> {
        let select = format!("SELECT ({sql})::text AS x");
        match diesel::sql_query(select).get_result::<One>(conn) {
            Ok(one) => one.x,
            Err(error) => panic!("{sql}: {error}"),
        }
    }

    fn schema(conn: &mut PgConnection) -> String {
        let sql = "SELECT string_agg(line, E'\n' ORDER BY line) FROM ( \
            SELECT c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) \
              || ' ' || a.attnotnull || ' ' || coalesce(pg_get_expr(d.adbin, d.adrelid), '') \
              || ' ' || coalesce(col_description(c.oid, a.attnum), '') || ' ' || coalesce(a.attstattarget, -1) \
              || ' ' || coalesce(a.attacl::text, '') AS line \
              FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
              JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
              LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum \
              WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'expand_contract') \
            UNION ALL SELECT pg_get_indexdef(i.indexrelid) || ' ' || i.indisvalid FROM pg_index i \
              JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
              WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'expand_contract', 'pg_toast') \
            UNION ALL SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t WHERE NOT t.tgisinternal \
            UNION ALL SELECT conname || ' ' || pg_get_constraintdef(k.oid) FROM pg_constraint k \
              JOIN pg_namespace n ON n.oid = k.connamespace \
              WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'expand_contract') \
            UNION ALL SELECT pg_get_statisticsobjdef(oid) FROM pg_statistic_ext \
            UNION ALL SELECT 'function ' || p.oid::regprocedure::text FROM pg_proc p \
              JOIN pg_namespace n ON n.oid = p.pronamespace \
              WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') \
              AND NOT (n.nspname = 'expand_contract' AND p.proname IN ('saw', 'note_stranger', 'poisoned'))) s";
        Self::text(conn, sql).unwrap_or_default()
    }

    fn alone(conn: &mut PgConnection) {
        let sql = "SELECT count(*) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid() \
                   AND backend_type = 'client backend'";
        wait::until("the connections of the killed are gone", || {
            Self::text(conn, sql).as_deref() == Some("0")
        });
    }
}

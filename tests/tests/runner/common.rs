//! Databases and migrations that the runner's scenarios share.
#![allow(dead_code, unreachable_pub)]

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use expand_contract::definition::{ChangeDef, Conversion, MigrationDef, Part, PerDialect, SqlExpr};
use expand_contract::{Migrate, MigrateOn, PhaseCell, RunnerConnection};
use tests::postgres::PgDatabase;
use tests::sqlite::SqliteDatabase;

/// A database of its own for one test.
pub trait Db: Sized {
    type Conn: RunnerConnection + 'static;
    /// Whether it is PostgreSQL.
    const POSTGRES: bool;
    fn fresh() -> Self;
    fn connect(&self) -> Self::Conn;
    /// One value, as text.
    fn text(conn: &mut Self::Conn, sql: &str) -> Option<String>;
    /// Everything about the schema except the ledger, as comparable text.
    fn schema(conn: &mut Self::Conn) -> String;
    fn run(conn: &mut Self::Conn, sql: &str) {
        if let Err(error) = conn.batch_execute(sql) {
            panic!("{sql}: {error}");
        }
    }
    /// Runs a statement that the library's triggers do not see.
    fn behind_the_triggers(conn: &mut Self::Conn, sql: &str);
    fn fails(conn: &mut Self::Conn, sql: &str) -> bool {
        conn.batch_execute(sql).is_err()
    }
}

#[derive(QueryableByName)]
struct One {
    #[diesel(sql_type = Nullable<Text>)]
    x: Option<String>,
}

pub struct Lite(SqliteDatabase);

impl Db for Lite {
    type Conn = SqliteConnection;
    const POSTGRES: bool = false;

    fn fresh() -> Self {
        Lite(SqliteDatabase::new())
    }

    fn connect(&self) -> SqliteConnection {
        let mut conn = self.0.connect();
        conn.batch_execute("PRAGMA synchronous = OFF; PRAGMA busy_timeout = 100")
            .unwrap();
        conn
    }

    fn behind_the_triggers(conn: &mut SqliteConnection, sql: &str) {
        let triggers =
            "SELECT group_concat(sql, ';') AS x FROM sqlite_master WHERE type = 'trigger'";
        let names = "SELECT group_concat('DROP TRIGGER \"' || name || '\"', ';') AS x FROM sqlite_master WHERE type = 'trigger'";
        let [create, drop] = [triggers, names].map(|sql| {
            diesel::sql_query(sql)
                .get_result::<One>(conn)
                .unwrap()
                .x
                .unwrap_or_default()
        });
        Self::run(conn, &format!("BEGIN; {drop}; {sql}; {create}; COMMIT"));
    }

    fn text(conn: &mut SqliteConnection, sql: &str) -> Option<String> {
        let sql = format!("SELECT CAST(({sql}) AS TEXT) AS x");
        diesel::sql_query(sql).get_result::<One>(conn).unwrap().x
    }

    fn schema(conn: &mut SqliteConnection) -> String {
        let sql = "SELECT group_concat(sql, ';\n') AS x FROM (SELECT sql FROM sqlite_master \
                   WHERE sql IS NOT NULL AND name NOT LIKE 'expand_contract%' \
                   AND name NOT LIKE 'sqlite_%' ORDER BY name)";
        diesel::sql_query(sql)
            .get_result::<One>(conn)
            .unwrap()
            .x
            .unwrap()
    }
}

pub struct Postgres(PgDatabase);

impl Db for Postgres {
    type Conn = PgConnection;
    const POSTGRES: bool = true;

    fn fresh() -> Self {
        Postgres(PgDatabase::new())
    }

    fn connect(&self) -> PgConnection {
        self.0.connect()
    }

    fn behind_the_triggers(conn: &mut PgConnection, sql: &str) {
        Self::run(
            conn,
            &format!(
                "SET session_replication_role = replica; {sql}; RESET session_replication_role"
            ),
        );
    }

    fn text(conn: &mut PgConnection, sql: &str) -> Option<String> {
        let sql = format!("SELECT ({sql})::text AS x");
        diesel::sql_query(sql).get_result::<One>(conn).unwrap().x
    }

    fn schema(conn: &mut PgConnection) -> String {
        let sql = "SELECT string_agg(line, E'\n' ORDER BY line) AS x FROM ( \
            SELECT c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) \
              || ' ' || a.attnotnull || ' ' || coalesce(pg_get_expr(d.adbin, d.adrelid), '') \
              || ' ' || coalesce(col_description(c.oid, a.attnum), '') || ' ' || a.attstattarget \
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
              WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'expand_contract')) s";
        diesel::sql_query(sql)
            .get_result::<One>(conn)
            .unwrap()
            .x
            .unwrap()
    }
}

pub const NO_TYPE: PerDialect = PerDialect {
    any: None,
    postgres: None,
    sqlite: None,
};

pub const fn both(sql: &'static str) -> PerDialect {
    PerDialect {
        any: Some(sql),
        postgres: None,
        sqlite: None,
    }
}

pub const fn rename(old: &'static str, new: &'static str) -> ChangeDef {
    ChangeDef {
        old,
        via: None,
        new,
        conversion: Conversion::Identity,
        lossless: true,
        monotonic: true,
        new_type: NO_TYPE,
        nullable: false,
    }
}

pub const fn expr(postgres: &'static [Part], sqlite: &'static [Part]) -> SqlExpr {
    SqlExpr {
        any: None,
        postgres: Some(postgres),
        sqlite: Some(sqlite),
    }
}

/// A marker type for a migration, for every connection.
#[macro_export]
macro_rules! migration {
    ($name:ident, $table:path, $id:expr, [$($change:expr),* $(,)?] $(, converters: $converters:expr)?) => {
        $crate::migration!(@ $name, $table, $id, 1, [$($change),*] $(, $converters)?);
    };
    (@ $name:ident, $table:path, $id:expr, $generation:expr, [$($change:expr),*] $(, $converters:expr)?) => {
        pub struct $name;
        impl expand_contract::Migrate for $name {
            type Table = $table;
            fn cell() -> &'static expand_contract::PhaseCell {
                static DEF: expand_contract::definition::MigrationDef =
                    expand_contract::definition::MigrationDef {
                        id: $id,
                        generation: $generation,
                        changes: &[$($change),*],
                    };
                static CELL: expand_contract::PhaseCell = expand_contract::PhaseCell::new(&DEF);
                &CELL
            }
        }
        impl<C: expand_contract::RunnerConnection> expand_contract::MigrateOn<C> for $name
        where
            $table: diesel::query_builder::QueryFragment<C::Backend>,
        {
        }
    };
}

diesel::table! {
    users (id) {
        id -> Integer,
        mail -> Text,
        note -> Nullable<Text>,
    }
}

diesel::table! {
    versions (id) {
        id -> Integer,
        tar_sha256 -> Binary,
    }
}

diesel::table! {
    accounts (id) {
        id -> Integer,
        balance -> BigInt,
    }
}

diesel::table! {
    #[sql_name = "Ta\"ble"]
    odd (region, code) {
        region -> Text,
        code -> Integer,
        #[sql_name = "order"]
        order_ -> Nullable<Text>,
        #[sql_name = "Weiße \"Größe\""]
        size -> Nullable<Integer>,
    }
}

diesel::table! {
    other.things (id) {
        id -> Integer,
        title -> Text,
    }
}

diesel::table! {
    prices (id) {
        id -> Integer,
        cents -> Nullable<BigInt>,
    }
}

use Part::{Column, Sql};

migration!(Users, users::table, "users-mail", [rename("email", "mail")]);
migration!(
    UsersNext,
    users::table,
    "users-note",
    [rename("note", "remark")]
);

pub const SHA: ChangeDef = ChangeDef {
    old: "checksum",
    via: None,
    new: "tar_sha256",
    conversion: Conversion::Sql {
        up: expr(
            &[Sql("decode("), Column, Sql(", 'hex')")],
            &[Sql("unhex("), Column, Sql(")")],
        ),
        down: expr(
            &[Sql("encode("), Column, Sql(", 'hex')")],
            &[Sql("lower(hex("), Column, Sql("))")],
        ),
    },
    lossless: true,
    monotonic: true,
    new_type: PerDialect {
        any: None,
        postgres: Some("bytea"),
        sqlite: Some("BLOB"),
    },
    nullable: false,
};
migration!(Versions, versions::table, "versions-sha", [SHA]);
// the same id under another definition
migration!(
    VersionsChanged,
    versions::table,
    "versions-sha",
    [ChangeDef {
        lossless: false,
        ..SHA
    }]
);

pub const BALANCE: ChangeDef = ChangeDef {
    old: "balance",
    via: Some("balance_wide"),
    new: "balance",
    conversion: Conversion::Sql {
        up: SqlExpr {
            any: Some(&[Column]),
            postgres: None,
            sqlite: None,
        },
        down: SqlExpr {
            any: Some(&[Column]),
            postgres: None,
            sqlite: None,
        },
    },
    lossless: true,
    monotonic: true,
    new_type: both("bigint"),
    nullable: false,
};
migration!(Accounts, accounts::table, "accounts-balance", [BALANCE]);

migration!(
    Odd,
    odd::table,
    "it's \"odd\"",
    [
        rename("o\"ld 'é", "order"),
        rename(
            "name_of_sixty_three_bytes_which_is_as_long_as_postgresql_allows",
            "Weiße \"Größe\""
        ),
    ]
);
migration!(Things, things::table, "things", [rename("name", "title")]);

// lossy: 1.5 -> 1 -> 1.0
migration!(
    Lossy,
    accounts::table,
    "lossy",
    [ChangeDef {
        old: "amount",
        via: None,
        new: "balance",
        conversion: Conversion::Sql {
            up: expr(
                &[Sql("trunc("), Column, Sql(")::bigint")],
                &[Sql("CAST("), Column, Sql(" AS INTEGER)")],
            ),
            down: expr(
                &[Column, Sql("::numeric")],
                &[Sql("CAST("), Column, Sql(" AS REAL)")],
            ),
        },
        lossless: false,
        monotonic: false,
        new_type: both("bigint"),
        nullable: true,
    }]
);

pub struct Prices;

impl Migrate for Prices {
    type Table = prices::table;
    fn cell() -> &'static PhaseCell {
        static DEF: MigrationDef = MigrationDef {
            id: "prices",
            generation: 1,
            changes: &[ChangeDef {
                old: "price",
                via: None,
                new: "cents",
                conversion: Conversion::Rust,
                lossless: true,
                monotonic: false,
                new_type: both("bigint"),
                nullable: true,
            }],
        };
        static CELL: PhaseCell = PhaseCell::new(&DEF);
        &CELL
    }
}

impl<C> MigrateOn<C> for Prices
where
    C: RunnerConnection,
    prices::table: diesel::query_builder::QueryFragment<C::Backend>,
    expand_contract::RustConverter<Cents>: expand_contract::Converter<C>,
{
    fn converters() -> Vec<Box<dyn expand_contract::Converter<C>>> {
        vec![Box::new(expand_contract::RustConverter::<Cents>::new(0))]
    }
}

pub struct Cents;

impl expand_contract::RustConversion for Cents {
    type OldSqlType = diesel::sql_types::Text;
    type NewSqlType = diesel::sql_types::BigInt;
    type Old = String;
    type New = i64;

    fn up(old: String) -> Result<i64, Box<dyn std::error::Error + Send + Sync>> {
        let (whole, part) = old.split_once('.').ok_or("no decimal point")?;
        Ok(whole.parse::<i64>()? * 100 + part.parse::<i64>()?)
    }

    fn down(new: i64) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        Ok(format!("{}.{:02}", new / 100, new % 100))
    }
}

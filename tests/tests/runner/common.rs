//! Migrations that the runner's scenarios share.
#![allow(dead_code, unreachable_pub)]

use std::time::Duration;

use expand_contract::definition::{
    ChangeDef, Conversion, MigrationDef, Part, PerDialect, SqlExpr, Strategy,
};
use expand_contract::phase::{Pass, Phase, Stage};
use expand_contract::{Migrate, MigrateOn, Options, PhaseCell, RunnerConnection};
pub use tests::database::{Db, Lite, Postgres};

/// The scenarios as tests: those that take a database, and those that make their own.
macro_rules! on_every_database {
    ($($scenario:ident),* $(; $($alone:ident),*)?) => {
        mod sqlite {
            use super::*;
            $(#[test] fn $scenario() { super::$scenario(&Lite::fresh()); })*
            $($(#[test] fn $alone() { super::$alone::<Lite>(); })*)?
        }
        mod postgres {
            use super::*;
            $(#[test] fn $scenario() { super::$scenario(&Postgres::fresh()); })*
            $($(#[test] fn $alone() { super::$alone::<Postgres>(); })*)?
        }
    };
}

/// Small batches, little patience.
pub fn fast() -> Options {
    Options::new()
        .batch_size(3)
        .grace(Duration::ZERO)
        .lease(Duration::from_millis(200))
        .quiet_period(Duration::ZERO)
        .retries(2)
        .lock_timeout(Duration::from_millis(100))
        // the scenarios write as the release before would, whatever the phase
        .quiet_period(Duration::ZERO)
}

pub fn stage(pass: Pass, phase: Phase) -> Stage {
    Stage { pass, phase }
}

/// Two rows.
pub fn plain<D: Db>(conn: &mut D::Conn) {
    D::run(
        conn,
        "CREATE TABLE users (id integer PRIMARY KEY, email text NOT NULL, note text); \
         INSERT INTO users VALUES (1, 'a', 'b'), (2, 'c', NULL)",
    );
}

/// A table with all that a column may have.
pub fn users<D: Db>(conn: &mut D::Conn, rows: u32) {
    let text = if D::POSTGRES {
        "varchar(40)"
    } else {
        "VARCHAR(40) COLLATE NOCASE"
    };
    D::run(
        conn,
        &format!(
            "CREATE TABLE users (id integer NOT NULL PRIMARY KEY, email {text} NOT NULL DEFAULT 'no''ne', note text);
             CREATE UNIQUE INDEX users_email ON users (email);
             CREATE INDEX users_note_email ON users (note, email DESC);"
        ),
    );
    for id in 1..=rows {
        D::run(
            conn,
            &format!(
                "INSERT INTO users VALUES ({id}, 'u{id}@x', CASE WHEN {id} % 2 = 0 THEN 'n' END)"
            ),
        );
    }
}

pub fn accounts<D: Db>(conn: &mut D::Conn) {
    D::run(
        conn,
        "CREATE TABLE accounts (id integer PRIMARY KEY, balance integer NOT NULL DEFAULT 5); \
                  CREATE INDEX accounts_balance ON accounts (balance)",
    );
    D::run(
        conn,
        "INSERT INTO accounts VALUES (1, 10), (2, 20), (3, 30), (4, 40), (5, 50)",
    );
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
        strategy: Strategy::Copy,
        new,
        conversion: Conversion::Identity,
        lossless: true,
        monotonic: true,
        new_type: NO_TYPE,
        nullable: false,
        carry: &[],
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
    strategy: Strategy::Copy,
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
    carry: &[],
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
    strategy: Strategy::Copy,
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
    carry: &[],
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
        strategy: Strategy::Copy,
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
        carry: &[],
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
                strategy: Strategy::Copy,
                new: "cents",
                conversion: Conversion::Rust,
                lossless: true,
                monotonic: false,
                new_type: both("bigint"),
                nullable: true,
                carry: &[],
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

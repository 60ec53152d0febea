//! A made-up project: its first migration is a dump of what was there before, the others do what projects do, ten kinds in
//! turn; models map the tables of the dump.

mod others;
mod postgres;

use std::fmt::Write;
use std::fs;
use std::path::Path;

use expand_contract::build::Database;

pub(crate) const MIGRATIONS: usize = 1_000;

/// The tables of the dump, each with a model.
pub(crate) const TABLES: usize = 300;

/// The scripts of one migration.
pub(crate) struct Scripts {
    pub(crate) up: String,
    pub(crate) down: String,
    pub(crate) in_transaction: bool,
}

impl Scripts {
    pub(crate) fn new(up: impl Into<String>, down: impl Into<String>) -> Self {
        Scripts {
            up: up.into(),
            down: down.into(),
            in_transaction: true,
        }
    }
}

pub(crate) struct Written {
    pub(crate) migrations: usize,
    pub(crate) bytes: usize,
}

pub(crate) fn write(root: &Path, database: Database) -> Written {
    let mut written = Written {
        migrations: 0,
        bytes: 0,
    };
    for number in 0..MIGRATIONS {
        let scripts = match database {
            Database::Postgres => postgres::migration(number),
            other => others::migration(number, other),
        };
        let folder = root.join(format!("migrations/{number:06}_migration"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("up.sql"), &scripts.up).unwrap();
        fs::write(folder.join("down.sql"), &scripts.down).unwrap();
        if !scripts.in_transaction {
            fs::write(folder.join("metadata.toml"), "run_in_transaction = false\n").unwrap();
        }
        written.migrations += 1;
        written.bytes += scripts.up.len() + scripts.down.len();
    }
    models(root);
    written
}

/// `schema.rs` as Diesel's CLI writes it, and a file with structs and functions for every ten tables.
fn models(root: &Path) {
    let folder = root.join("src");
    fs::create_dir_all(folder.join("models")).unwrap();
    let mut lib = "mod schema;\nmod models;\n".to_owned();
    let mut schema = "// @generated automatically by Diesel CLI.\n".to_owned();
    let mut list = String::new();
    let mut file = String::new();
    for table in 0..TABLES {
        write!(
            schema,
            "\ndiesel::table! {{\n    old_{table} (id) {{\n        id -> Int8,\n        owner_id -> Int8,\n        \
             #[max_length = 80]\n        name -> Varchar,\n        note -> Nullable<Text>,\n        price -> Numeric,\n        \
             tags -> Array<Nullable<Text>>,\n        created_at -> Timestamptz,\n        updated_at -> Timestamptz,\n    }}\n}}\n"
        )
        .unwrap();
        write!(
            file,
            "/// Number {table}.\n#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]\n\
             #[diesel(table_name = old_{table})]\npub struct Old{table} {{\n    pub id: i64,\n    pub owner_id: i64,\n    \
             pub name: String,\n    pub note: Option<String>,\n    pub price: BigDecimal,\n    pub tags: Vec<Option<String>>,\n    \
             pub created_at: DateTime<Utc>,\n    pub updated_at: DateTime<Utc>,\n}}\n\nimpl Old{table} {{\n    \
             pub fn named(conn: &mut PgConnection, name: &str) -> QueryResult<Vec<Self>> {{\n        \
             if name.is_empty() {{\n            return Ok(Vec::new());\n        }}\n        \
             old_{table}::table\n            .filter(old_{table}::name.eq(name).or(old_{table}::note.is_null()))\n            \
             .select(Self::as_select())\n            .load(conn)\n    }}\n}}\n\n"
        )
        .unwrap();
        if table % 10 == 9 {
            writeln!(list, "mod m{table};").unwrap();
            let use_line = "use crate::schema::*;\nuse diesel::prelude::*;\n\n";
            fs::write(
                folder.join(format!("models/m{table}.rs")),
                format!("{use_line}{file}"),
            )
            .unwrap();
            file.clear();
        }
    }
    lib.push_str("pub fn run() {}\n");
    fs::write(folder.join("lib.rs"), lib).unwrap();
    fs::write(folder.join("schema.rs"), schema).unwrap();
    fs::write(folder.join("models/mod.rs"), list).unwrap();
}

//! Migrations of SQLite and MySQL.

use std::fmt::Write;

use expand_contract::build::Database;

use super::postgres::{long_seed, seed};
use super::{Scripts, TABLES};

pub(crate) fn migration(number: usize, database: Database) -> Scripts {
    if number == 0 {
        return Scripts::new(dump(database), "SELECT 1;\n");
    }
    let table = format!("table_{}", number / 10);
    let old = format!("old_{}", (number / 10) % TABLES);
    let is_sqlite = database == Database::Sqlite;
    match number % 10 {
        0 => Scripts::new(
            new_table(&table, &old, database),
            format!("DROP TABLE {table};\n"),
        ),
        1 => Scripts::new(
            format!("ALTER TABLE {old} ADD COLUMN rank_{number} INTEGER NOT NULL DEFAULT 0;\n"),
            format!("ALTER TABLE {old} DROP COLUMN rank_{number};\n"),
        ),
        2 => Scripts::new(trigger(&table, database), format!("DROP TRIGGER {table}_changed;\n")),
        3 => Scripts::new(seed(&table, 60), format!("DELETE FROM {table} WHERE id < 100;\n")),
        4 => Scripts::new(long_seed(&table, 300), format!("DELETE FROM {table} WHERE id > 100;\n")),
        5 if is_sqlite => Scripts::new(
            format!("CREATE INDEX {table}_name ON {table} (name COLLATE NOCASE, id DESC) WHERE note IS NOT NULL;\n"),
            format!("DROP INDEX {table}_name;\n"),
        ),
        5 => Scripts::new(
            format!("CREATE INDEX {table}_name ON {table} (name(20), id) ALGORITHM=INPLACE LOCK=NONE;\n"),
            format!("DROP INDEX {table}_name ON {table};\n"),
        ),
        6 => Scripts::new(
            format!("CREATE VIEW {table}_recent AS SELECT t.id, o.name FROM {table} t JOIN {old} o ON o.id = t.owner_id WHERE t.note <> '';\n"),
            format!("DROP VIEW {table}_recent;\n"),
        ),
        7 => Scripts::new(
            format!("UPDATE {table} SET note = name WHERE note IS NULL AND id < 1000;\n"),
            "SELECT 1;\n",
        ),
        8 => Scripts::new(
            format!("ALTER TABLE {old} DROP COLUMN note;\nALTER TABLE {table} RENAME COLUMN note TO remark;\n"),
            format!("ALTER TABLE {table} RENAME COLUMN remark TO note;\n"),
        ),
        _ if is_sqlite => Scripts::new(remake(&table), "SELECT 1;\n"),
        _ => Scripts::new(
            format!("ALTER TABLE {table} MODIFY COLUMN name VARCHAR(200) NOT NULL, ADD COLUMN kind ENUM('a', 'b') NOT NULL DEFAULT 'a' AFTER name;\n"),
            format!("ALTER TABLE {table} DROP COLUMN kind;\n"),
        ),
    }
}

fn key(database: Database) -> &'static str {
    match database {
        Database::Sqlite => "INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL",
        _ => "BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY",
    }
}

fn dump(database: Database) -> String {
    let mut text = String::new();
    for table in 0..TABLES {
        write!(
            text,
            "CREATE TABLE old_{table} (
  id {},
  owner_id BIGINT NOT NULL,
  name VARCHAR(80) NOT NULL,
  note TEXT,
  price DECIMAL(12, 2) NOT NULL DEFAULT 0,
  created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX old_{table}_owner ON old_{table} (owner_id);
",
            key(database)
        )
        .unwrap();
    }
    text
}

fn new_table(table: &str, old: &str, database: Database) -> String {
    format!(
        "-- Your SQL goes here
CREATE TABLE {table} (
  id {},
  owner_id BIGINT NOT NULL REFERENCES {old} (id) ON DELETE CASCADE,
  name VARCHAR(80) NOT NULL, -- shown
  slug VARCHAR(80) NOT NULL,
  note TEXT,
  price DECIMAL(12, 2) NOT NULL CHECK (price >= 0),
  created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT {table}_owner_name UNIQUE (owner_id, name)
);
",
        key(database)
    )
}

fn trigger(table: &str, database: Database) -> String {
    let when = match database {
        Database::Sqlite => " WHEN old.updated_at == new.updated_at",
        _ => "",
    };
    format!(
        "CREATE TRIGGER {table}_changed AFTER UPDATE ON {table} FOR EACH ROW{when}
BEGIN
  UPDATE {table}_log SET number = number + CASE WHEN new.price > 3 THEN 1 ELSE 2 END WHERE id = new.id;
  INSERT INTO {table}_log (id, number) VALUES (new.id, 1);
END;
"
    )
}

/// SQLite's way to change a table.
fn remake(table: &str) -> String {
    format!(
        "CREATE TABLE {table}_new (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  owner_id BIGINT NOT NULL,
  name TEXT NOT NULL,
  remark TEXT,
  FOREIGN KEY (owner_id) REFERENCES old_1 (id)
);
INSERT INTO {table}_new SELECT id, owner_id, name, remark FROM {table};
DROP TABLE {table};
ALTER TABLE {table}_new RENAME TO {table};
CREATE INDEX {table}_owner ON {table} (owner_id);
"
    )
}

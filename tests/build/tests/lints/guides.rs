//! What Diesel's own guides recommend, what `diesel setup` writes, and the way a careful project goes: no finding at all.

use crate::support::Case;

#[track_caller]
fn is_silent(case: Case) {
    let report = case.report();
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
}

/// `diesel setup` on PostgreSQL.
#[test]
fn initial_setup() {
    is_silent(
        Case::postgres(include_str!(
            "../../diesel_cli/postgres/00000000000000_diesel_initial_setup/up.sql"
        ))
        .down(include_str!(
            "../../diesel_cli/postgres/00000000000000_diesel_initial_setup/down.sql"
        )),
    );
}

/// The getting-started guide, in its three dialects.
#[test]
fn getting_started() {
    is_silent(
        Case::postgres(
            "CREATE TABLE posts (
  id SERIAL PRIMARY KEY,
  title VARCHAR NOT NULL,
  body TEXT NOT NULL,
  published BOOLEAN NOT NULL DEFAULT FALSE
)",
        )
        .down("DROP TABLE posts"),
    );
    is_silent(
        Case::sqlite(
            "CREATE TABLE posts (
  id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  title VARCHAR NOT NULL,
  body TEXT NOT NULL,
  published BOOLEAN NOT NULL DEFAULT 0
)",
        )
        .down("DROP TABLE posts"),
    );
    is_silent(
        Case::mysql(
            "CREATE TABLE posts (
  id INTEGER AUTO_INCREMENT PRIMARY KEY,
  title VARCHAR(255) NOT NULL,
  body TEXT NOT NULL,
  published BOOLEAN NOT NULL DEFAULT FALSE
)",
        )
        .down("DROP TABLE posts"),
    );
}

/// The guides about relations, inserts and updates.
#[test]
fn relations_inserts_updates() {
    is_silent(
        Case::postgres(
            "CREATE TABLE books_authors (
  book_id INTEGER REFERENCES books(id),
  author_id INTEGER REFERENCES authors(id),
  PRIMARY KEY(book_id, author_id)
);",
        )
        .after("CREATE TABLE books (id SERIAL PRIMARY KEY, title VARCHAR NOT NULL);\nCREATE TABLE authors (id SERIAL PRIMARY KEY, name VARCHAR NOT NULL);")
        .down("DROP TABLE books_authors;"),
    );
    is_silent(Case::postgres(
        "CREATE TABLE users (
  id SERIAL PRIMARY KEY,
  name TEXT NOT NULL,
  hair_color TEXT,
  created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
SELECT diesel_manage_updated_at('users');",
    ));
    is_silent(Case::postgres(
        "CREATE TABLE posts (
  id BIGSERIAL PRIMARY KEY,
  title TEXT NOT NULL,
  body TEXT NOT NULL,
  draft BOOLEAN NOT NULL DEFAULT TRUE,
  publish_at TIMESTAMP NOT NULL DEFAULT now(),
  visit_count INTEGER NOT NULL DEFAULT 0
);",
    ));
}

/// The guides about custom types and about composing queries.
#[test]
fn types_and_functions() {
    is_silent(
        Case::postgres(
            "CREATE TYPE Language AS ENUM ('en', 'ru', 'de');
CREATE TABLE translations (
  word_id INTEGER NOT NULL REFERENCES words,
  translation_id INTEGER NOT NULL REFERENCES words,
  language Language NOT NULL DEFAULT 'en',
  PRIMARY KEY (word_id, translation_id)
);",
        )
        .down("DROP TABLE translations;\nDROP TYPE Language;"),
    );
    is_silent(Case::postgres(
        "CREATE FUNCTION canon_crate_name(text) RETURNS text AS $$
    SELECT replace(lower($1), '-', '_')
$$ LANGUAGE SQL;",
    ));
}

/// Triggers of SQLite, with statements inside.
#[test]
fn triggers_of_sqlite() {
    is_silent(
        Case::sqlite(
            "CREATE TRIGGER users_updated AFTER UPDATE ON users
FOR EACH ROW WHEN NEW.updated_at = OLD.updated_at
BEGIN
    UPDATE users SET updated_at = CURRENT_TIMESTAMP;
    DELETE FROM cache;
END;",
        )
        .down("DROP TRIGGER users_updated;"),
    );
}

/// SQLite's own way to change a table, with the pragma where it has an effect.
#[test]
fn a_table_made_anew() {
    is_silent(
        Case::sqlite(
            "PRAGMA foreign_keys = OFF;
BEGIN;
CREATE TABLE users_new (id INTEGER PRIMARY KEY, email TEXT);
INSERT INTO users_new SELECT id, email FROM users;
DROP TABLE users;
ALTER TABLE users_new RENAME TO users;
COMMIT;
PRAGMA foreign_keys = ON;",
        )
        .after("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL);")
        .without_transaction(),
    );
}

/// How a careful project adds an index, a column, a constraint.
#[test]
fn the_careful_way() {
    let with_table = |case: Case| case.after("CREATE TABLE t (id bigint PRIMARY KEY, a int);");
    is_silent(
        with_table(Case::postgres("CREATE INDEX CONCURRENTLY t_a ON t (a);"))
            .down("DROP INDEX CONCURRENTLY IF EXISTS t_a;")
            .without_transaction(),
    );
    is_silent(with_table(Case::postgres(
        "SET LOCAL lock_timeout = '2s';\nALTER TABLE t ADD COLUMN b int NOT NULL DEFAULT 0;",
    )));
    is_silent(with_table(Case::postgres(
        "SET LOCAL lock_timeout = '2s';\nALTER TABLE t ADD CONSTRAINT a_is_there CHECK (a IS NOT NULL) NOT VALID;",
    )));
    is_silent(
        with_table(Case::postgres(
            "ALTER TABLE t VALIDATE CONSTRAINT a_is_there;",
        ))
        .after("SET LOCAL lock_timeout = '2s'; ALTER TABLE t ADD CONSTRAINT a_is_there CHECK (a IS NOT NULL) NOT VALID;"),
    );
    is_silent(
        with_table(Case::postgres(
            "SET LOCAL lock_timeout = '2s';\nALTER TABLE t ALTER COLUMN a SET NOT NULL;\nALTER TABLE t DROP CONSTRAINT a_is_there;",
        ))
        .after("SET LOCAL lock_timeout = '2s'; ALTER TABLE t ADD CONSTRAINT a_is_there CHECK (a IS NOT NULL) NOT VALID;")
        .after("ALTER TABLE t VALIDATE CONSTRAINT a_is_there;"),
    );
    is_silent(with_table(Case::postgres(
        "INSERT INTO t (id, a) VALUES (1, 2) ON CONFLICT DO NOTHING;",
    )));
}

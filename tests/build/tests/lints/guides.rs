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

/// Warns of these, with no error.
#[track_caller]
fn only_warns(case: Case, of: &[&str]) {
    let report = case.report();
    assert_eq!(report.errors().count(), 0, "{:#?}", report.findings);
    let mut rules: Vec<&str> = report.findings.iter().map(|found| found.rule).collect();
    rules.dedup();
    assert_eq!(rules, of, "{:#?}", report.findings);
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

/// Diesel's `examples/postgres/custom_arrays`: a schema of its own, a composite type over an enumeration, arrays of it; its
/// way back drops the types with CASCADE, and counts on the search path.
#[test]
fn custom_arrays() {
    is_silent(
        Case::postgres(
            "-- Your SQL goes here
CREATE SCHEMA IF NOT EXISTS shop;

CREATE TYPE shop.carrier AS ENUM (
    'Unknown',
    'Post',
    'Bike'
);

CREATE TYPE shop.parcel AS (
\t\"label\" Text,
\t\"weight\" INTEGER,
\t\"by\" shop.carrier
);

CREATE TABLE  shop.delivery(
\t\"delivery_id\" INTEGER NOT NULL PRIMARY KEY,
\t\"done\" BOOLEAN NOT NULL,
\t\"after\" INTEGER[] NOT NULL,
\t\"parcels\" shop.parcel[] NOT NULL
);",
        )
        .down(
            "-- This file should undo anything in `up.sql`
DROP TABLE IF EXISTS shop.delivery;
DROP TYPE IF EXISTS parcel CASCADE;
DROP TYPE IF EXISTS carrier CASCADE;
DROP SCHEMA IF EXISTS shop;",
        ),
    );
}

/// Diesel's `examples/postgres/composite_types`: a table with its rows, functions with OUT parameters, a composite type.
#[test]
fn composite_types() {
    is_silent(
        Case::postgres(
            "CREATE TABLE marks (
    mark_id    SERIAL    PRIMARY KEY,
    east       INTEGER   NOT NULL DEFAULT 0,
    north      INTEGER   NOT NULL DEFAULT 0
);

-- A few, to begin with.
INSERT INTO marks (east, north) VALUES (5, 12);
INSERT INTO marks (east, north) VALUES (8, 15);

CREATE FUNCTION how_far (
    east INTEGER,
    north INTEGER)
    RETURNS FLOAT4 AS
$$
DECLARE
    far      FLOAT4;
BEGIN
    far = SQRT(POWER(east,2) + POWER(north,2));
    RETURN far;
END
$$ LANGUAGE plpgsql IMMUTABLE;

CREATE TYPE mark_type AS (mark_id INTEGER, far FLOAT4);

CREATE FUNCTION farthest (
    OUT it mark_type)
    AS
$$
DECLARE
    id INTEGER;
BEGIN
    SELECT mark_id FROM marks ORDER BY how_far(east, north) DESC INTO id;
    it := ROW(id, 0);
END
$$ LANGUAGE plpgsql IMMUTABLE;
",
        )
        .down(
            "DROP TABLE marks;
DROP FUNCTION how_far;
DROP FUNCTION farthest;
DROP TYPE mark_type;
",
        ),
    );
}

/// Tables that refer to each other, as in the migrations of Diesel's own tests: neither can be dropped first without CASCADE.
#[test]
fn a_cycle_of_foreign_keys() {
    is_silent(
        Case::postgres(
            "CREATE TABLE hens (id SERIAL PRIMARY KEY, egg_id INTEGER);
CREATE TABLE eggs (id SERIAL PRIMARY KEY, hen_id INTEGER REFERENCES hens);
ALTER TABLE hens ADD CONSTRAINT hens_egg_id_fkey FOREIGN KEY (egg_id) REFERENCES eggs;",
        )
        .down("DROP TABLE hens CASCADE;\nDROP TABLE eggs CASCADE;"),
    );
}

/// Diesel's `examples/postgres/advanced-blog-cli`, which goes on with tables that are there: what locks them is said, and an
/// index that keeps writers out is an error.
#[test]
fn a_blog_that_grows() {
    let posts = "CREATE TABLE posts (id SERIAL PRIMARY KEY, title TEXT NOT NULL);";
    only_warns(
        Case::postgres("ALTER TABLE posts ADD COLUMN published_at TIMESTAMP;")
            .after(posts)
            .down("ALTER TABLE posts DROP COLUMN published_at;"),
        &["missing-lock-timeout"],
    );
    let index = Case::postgres("CREATE UNIQUE INDEX posts_title ON posts (title);")
        .after(posts)
        .report();
    let errors: Vec<&str> = index.errors().map(|found| found.rule).collect();
    assert_eq!(errors, ["index-not-concurrent"]);
}

/// Columns of an array and of an enumeration, with defaults, as in the migrations of Diesel's own tests.
#[test]
fn columns_with_defaults() {
    let users =
        "CREATE TABLE users (id SERIAL PRIMARY KEY);\nCREATE TYPE kind AS ENUM ('admin', 'guest');";
    for up in [
        "ALTER TABLE users ADD COLUMN labels varchar[] NOT NULL DEFAULT '{}';",
        "ALTER TABLE users ADD COLUMN kind kind NOT NULL\n  DEFAULT CAST('guest' AS kind);",
    ] {
        only_warns(Case::postgres(up).after(users), &["missing-lock-timeout"]);
    }
}

/// What a column of `diesel_full_text_search` and one of PostGIS are made with.
#[test]
fn full_text_and_places() {
    only_warns(
        Case::postgres(
            "CREATE EXTENSION IF NOT EXISTS postgis;
CREATE TABLE sights (
  id BIGSERIAL PRIMARY KEY,
  name TEXT NOT NULL,
  text TEXT NOT NULL DEFAULT '',
  place GEOMETRY(Point, 4326) NOT NULL,
  area geography(MULTIPOLYGON),
  words tsvector NOT NULL,
  both_words tsvector GENERATED ALWAYS AS (to_tsvector('english', name || ' ' || text)) STORED
);
CREATE INDEX sights_place ON sights USING GIST (place);
CREATE INDEX sights_words ON sights USING gin (words);
CREATE TRIGGER sights_words BEFORE INSERT OR UPDATE ON sights
  FOR EACH ROW EXECUTE PROCEDURE tsvector_update_trigger(words, 'pg_catalog.english', name, text);
CREATE FUNCTION sights_changed() RETURNS trigger AS $$
begin
  new.words := setweight(to_tsvector('pg_catalog.english', coalesce(new.name, '')), 'A');
  return new;
end
$$ LANGUAGE plpgsql;
CREATE TRIGGER sights_changed BEFORE INSERT OR UPDATE
ON sights
FOR EACH ROW EXECUTE PROCEDURE sights_changed();
CREATE MATERIALIZED VIEW sights_by_name AS SELECT name, count(*) AS number FROM sights GROUP BY name;
CREATE UNIQUE INDEX sights_by_name_name ON sights_by_name (name);
COMMENT ON TABLE sights IS 'to be seen';",
        )
        .down(
            "DROP MATERIALIZED VIEW sights_by_name;
DROP TRIGGER sights_changed ON sights;
DROP FUNCTION sights_changed();
DROP TABLE sights;
DROP EXTENSION postgis;",
        ),
        &["create-extension"],
    );
}

/// The guides about inserts and about transactions, on MySQL.
#[test]
fn on_mysql() {
    is_silent(Case::mysql(
        "CREATE TABLE users (
  id INTEGER PRIMARY KEY AUTO_INCREMENT,
  name TEXT NOT NULL,
  created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP
) CHARACTER SET utf8mb4;",
    ));
    is_silent(Case::mysql(
        "CREATE TABLE IF NOT EXISTS accounts
(
    id      INTEGER UNSIGNED  NOT NULL AUTO_INCREMENT UNIQUE PRIMARY KEY,
    balance INTEGER DEFAULT 0 NOT NULL
    -- balance DECIMAL(32, 16) DEFAULT 0 NOT NULL
)",
    ));
}

/// `diesel_manage_updated_at` of `diesel::sqlite`, as Diesel writes it for a table.
#[test]
fn updated_at_on_sqlite() {
    is_silent(Case::sqlite(
        "CREATE TRIGGER __diesel_manage_updated_at_users
AFTER UPDATE ON users
FOR EACH ROW WHEN
  old.updated_at IS NULL AND
  new.updated_at IS NULL OR
  old.updated_at == new.updated_at
BEGIN
  UPDATE users
  SET updated_at = CURRENT_TIMESTAMP
  WHERE ROWID = new.ROWID;
END
",
    ));
}

/// Types of several words, which SQLite takes as they come (and Diesel's CLI reads).
#[test]
fn types_of_sqlite() {
    is_silent(Case::sqlite(
        "CREATE TABLE everything (
  id INTEGER PRIMARY KEY NOT NULL,
  a UNSIGNED BIG INT NOT NULL,
  b NATIVE CHARACTER(70),
  c VARYING CHARACTER(255) NOT NULL DEFAULT '',
  d DOUBLE PRECISION,
  e WHATEVER_THIS_IS NOT NULL,
  f TINY INT CHECK (f < 3),
  g NOT NULL,
  FOREIGN KEY (a) REFERENCES others (id)
);
ALTER TABLE everything ADD COLUMN h BIG INT;",
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

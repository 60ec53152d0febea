use crate::support::Case;

const RULE: &str = "drop-cascade";

#[test]
fn table() {
    Case::postgres("DROP TABLE t CASCADE;").finds(RULE, &[(1, 12)]);
}

#[test]
fn column() {
    Case::postgres("ALTER TABLE t DROP COLUMN a CASCADE;").finds(RULE, &[(1, 27)]);
}

#[test]
fn type_and_view() {
    Case::postgres("DROP TYPE mood CASCADE; DROP VIEW v CASCADE;").finds(RULE, &[(1, 11), (1, 35)]);
}

#[test]
fn constraint() {
    Case::postgres("ALTER TABLE t DROP CONSTRAINT c CASCADE;").finds(RULE, &[(1, 15)]);
}

#[test]
fn alone() {
    Case::postgres("DROP TABLE t; DROP VIEW v RESTRICT;").passes(RULE);
}

#[test]
fn the_other_cascade() {
    Case::postgres("ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES u (id) ON DELETE CASCADE NOT VALID;").passes(RULE);
}

/// What depends on it came later, and is reverted before.
#[test]
fn a_way_back() {
    let up = "CREATE SCHEMA app; CREATE TYPE app.mood AS ENUM ('a'); CREATE DOMAIN short AS text; \
              CREATE TABLE t (id int PRIMARY KEY, a app.mood); CREATE VIEW v AS SELECT a FROM t; \
              CREATE INDEX i ON t (a); ALTER TABLE u ADD COLUMN b int, ADD CONSTRAINT c UNIQUE (b);";
    Case::postgres(up)
        .down(
            "ALTER TABLE u DROP CONSTRAINT c CASCADE, DROP COLUMN b CASCADE; DROP INDEX i CASCADE; \
             DROP VIEW v CASCADE; DROP TABLE t CASCADE; DROP DOMAIN short CASCADE; \
             DROP TYPE IF EXISTS mood CASCADE; DROP SCHEMA app CASCADE;",
        )
        .passes(RULE);
    Case::postgres("CREATE TABLE t (id int PRIMARY KEY);")
        .down("DROP TABLE u CASCADE;")
        .finds_down(RULE, &[(1, 12)]);
    Case::postgres("CREATE TABLE t (id int PRIMARY KEY);")
        .down("DROP VIEW t CASCADE;")
        .finds_down(RULE, &[(1, 11)]);
    // a column of the same name, of another table
    Case::postgres("ALTER TABLE t ADD COLUMN a int;")
        .down("ALTER TABLE u DROP COLUMN a CASCADE;")
        .finds_down(RULE, &[(1, 27)]);
}

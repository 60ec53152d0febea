use crate::support::Case;

const RULE: &str = "index-not-concurrent";

#[test]
fn blocking() {
    Case::postgres("CREATE INDEX i ON t (a);").finds(RULE, &[(1, 1)]);
}

#[test]
fn unique() {
    Case::postgres("CREATE UNIQUE INDEX ON app.t (lower(a)) WHERE b IS NULL;")
        .finds(RULE, &[(1, 1)]);
}

#[test]
fn concurrently() {
    Case::postgres("CREATE INDEX CONCURRENTLY i ON t (a);")
        .without_transaction()
        .passes(RULE);
}

#[test]
fn of_the_partitioned_table_alone() {
    Case::postgres("CREATE INDEX i ON ONLY t (a);").passes(RULE);
}

#[test]
fn a_new_table() {
    Case::postgres("CREATE TABLE t (id int PRIMARY KEY, a int); CREATE INDEX i ON t (a);")
        .passes(RULE);
}

#[test]
fn the_table_is_older_than_the_file() {
    Case::postgres("CREATE INDEX i ON t (a);")
        .after("CREATE TABLE t (id int PRIMARY KEY, a int);")
        .finds(RULE, &[(1, 1)]);
}

/// Nobody reads or refreshes what is not there yet.
#[test]
fn on_a_new_materialized_view() {
    Case::postgres("CREATE MATERIALIZED VIEW v AS SELECT 1 AS a; CREATE UNIQUE INDEX i ON v (a);")
        .passes(RULE);
    Case::postgres(
        "DROP MATERIALIZED VIEW v; CREATE MATERIALIZED VIEW IF NOT EXISTS v AS SELECT 1 AS a; CREATE INDEX i ON v (a);",
    )
    .after("CREATE MATERIALIZED VIEW v AS SELECT 1 AS a;")
    .passes(RULE);
    Case::postgres(
        "CREATE MATERIALIZED VIEW IF NOT EXISTS v AS SELECT 1 AS a; CREATE INDEX i ON v (a);",
    )
    .after("CREATE MATERIALIZED VIEW v AS SELECT 1 AS a;")
    .finds(RULE, &[(1, 60)]);
}

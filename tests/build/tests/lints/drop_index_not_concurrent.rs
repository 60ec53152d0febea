use crate::support::Case;

const RULE: &str = "drop-index-not-concurrent";

#[test]
fn blocking() {
    Case::postgres("DROP INDEX IF EXISTS i;").finds(RULE, &[(1, 22)]);
}

#[test]
fn concurrently() {
    Case::postgres("DROP INDEX CONCURRENTLY IF EXISTS i;")
        .without_transaction()
        .passes(RULE);
}

#[test]
fn the_way_back_of_a_new_table() {
    Case::postgres("CREATE TABLE t (id int PRIMARY KEY, a int); CREATE INDEX i ON t (a);")
        .down("DROP INDEX i; DROP TABLE t;")
        .passes(RULE);
}

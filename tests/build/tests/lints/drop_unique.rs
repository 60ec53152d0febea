use crate::support::Case;

const RULE: &str = "drop-unique";

#[test]
fn constraint_and_index() {
    Case::postgres("ALTER TABLE t DROP CONSTRAINT one_a;\nDROP INDEX one_b;")
        .after("CREATE TABLE t (id bigint PRIMARY KEY, a int, b int, CONSTRAINT one_a UNIQUE (a));\nCREATE UNIQUE INDEX one_b ON t (b);")
        .finds(RULE, &[(1, 15), (2, 12)]);
}

#[test]
fn by_the_name_that_postgresql_gives() {
    Case::postgres("ALTER TABLE users DROP CONSTRAINT users_email_key;").finds(RULE, &[(1, 19)]);
}

#[test]
fn what_is_not_unique() {
    Case::postgres("ALTER TABLE t DROP CONSTRAINT positive;\nDROP INDEX t_b;")
        .after("CREATE TABLE t (id bigint PRIMARY KEY, a int, b int, CONSTRAINT positive CHECK (a > 0));\nCREATE INDEX t_b ON t (b);")
        .passes(RULE);
}

#[test]
fn on_the_way_back() {
    Case::sqlite("CREATE UNIQUE INDEX one_b ON t (b);")
        .down("DROP INDEX one_b;")
        .passes(RULE);
}

use crate::support::Case;

const RULE: &str = "backfill-in-ddl-transaction";

#[test]
fn together() {
    Case::postgres("ALTER TABLE t ADD COLUMN b int;\nUPDATE t SET b = a WHERE b IS NULL;")
        .finds(RULE, &[(2, 1)]);
}

#[test]
fn before_it() {
    Case::postgres("DELETE FROM u WHERE a = 1;\nALTER TABLE t ADD COLUMN b int;")
        .finds(RULE, &[(1, 1)]);
}

#[test]
fn a_copy() {
    Case::postgres("ALTER TABLE t ADD COLUMN b int;\nINSERT INTO u SELECT a FROM t;")
        .finds(RULE, &[(2, 1)]);
}

#[test]
fn in_a_with() {
    Case::postgres("ALTER TABLE t ADD COLUMN b int;\nWITH x AS (SELECT 1 AS a) UPDATE t SET b = 1 WHERE b IS NULL;").finds(RULE, &[(2, 27)]);
}

#[test]
fn some_values() {
    Case::postgres("ALTER TABLE t ADD COLUMN b int; INSERT INTO u (a) VALUES (1), (2);")
        .passes(RULE);
}

#[test]
fn apart() {
    Case::postgres("UPDATE t SET b = a WHERE b IS NULL;").passes(RULE);
}

#[test]
fn a_new_table() {
    Case::postgres("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT a FROM u;")
        .passes(RULE);
}

use crate::support::Case;

const RULE: &str = "wide-index";

#[test]
fn wide() {
    Case::postgres("CREATE TABLE t (a int PRIMARY KEY); CREATE INDEX i ON t (a, b, c, d);")
        .finds(RULE, &[(1, 37)]);
}

#[test]
fn covering() {
    Case::postgres("CREATE INDEX CONCURRENTLY i ON t (a, b, c) INCLUDE (d);").passes(RULE);
}

#[test]
fn unique_ones_mean_it() {
    Case::postgres("CREATE UNIQUE INDEX CONCURRENTLY i ON t (a, b, c, d);").passes(RULE);
}

#[test]
fn mysql_adds_it_to_the_table() {
    Case::mysql("ALTER TABLE t ADD INDEX i (a, b, c, d);").finds(RULE, &[(1, 15)]);
}

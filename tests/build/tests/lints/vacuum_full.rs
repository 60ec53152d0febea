use crate::support::Case;

const RULE: &str = "vacuum-full";

#[test]
fn full() {
    Case::postgres("VACUUM FULL t;")
        .without_transaction()
        .finds(RULE, &[(1, 1)]);
}

#[test]
fn in_parentheses() {
    Case::postgres("VACUUM (ANALYZE, FULL) t;")
        .without_transaction()
        .finds(RULE, &[(1, 1)]);
}

#[test]
fn cluster() {
    Case::postgres("CLUSTER t USING i;").finds(RULE, &[(1, 1)]);
}

#[test]
fn optimize() {
    Case::mysql("OPTIMIZE TABLE t;").finds(RULE, &[(1, 1)]);
}

#[test]
fn plain() {
    Case::postgres("VACUUM (ANALYZE) t;")
        .without_transaction()
        .passes(RULE);
}

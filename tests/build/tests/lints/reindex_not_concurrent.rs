use crate::support::Case;

const RULE: &str = "reindex-not-concurrent";

#[test]
fn blocking() {
    Case::postgres("REINDEX TABLE t;").finds(RULE, &[(1, 1)]);
}

#[test]
fn concurrently() {
    Case::postgres("REINDEX TABLE CONCURRENTLY t;")
        .without_transaction()
        .passes(RULE);
}

#[test]
fn as_an_option() {
    Case::postgres("REINDEX (CONCURRENTLY) INDEX i;")
        .without_transaction()
        .passes(RULE);
}

use crate::support::Case;

const RULE: &str = "hidden-invalid-index";

#[test]
fn hidden() {
    Case::postgres("CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a);")
        .without_transaction()
        .finds(RULE, &[(1, 1)]);
}

#[test]
fn seen() {
    Case::postgres("CREATE INDEX CONCURRENTLY i ON t (a);")
        .without_transaction()
        .passes(RULE);
}

use crate::support::Case;

const RULE: &str = "concurrently-in-transaction";

#[test]
fn in_diesels() {
    Case::postgres("CREATE INDEX CONCURRENTLY i ON t (a);").finds(RULE, &[(1, 1)]);
}

#[test]
fn beside_others() {
    Case::postgres("SET lock_timeout = '1s';\nCREATE INDEX CONCURRENTLY i ON t (a);")
        .without_transaction()
        .finds(RULE, &[(2, 1)]);
}

#[test]
fn dropped_beside_others() {
    Case::postgres("DROP INDEX CONCURRENTLY i;\nDROP INDEX CONCURRENTLY j;")
        .without_transaction()
        .finds(RULE, &[(1, 25), (2, 25)]);
}

#[test]
fn vacuum() {
    Case::postgres("VACUUM t;").finds(RULE, &[(1, 1)]);
}

#[test]
fn detach() {
    Case::postgres("ALTER TABLE t DETACH PARTITION p CONCURRENTLY;").finds(RULE, &[(1, 15)]);
}

#[test]
fn alone() {
    Case::postgres("-- alone\nCREATE INDEX CONCURRENTLY i ON t (a);\n")
        .without_transaction()
        .passes(RULE);
}

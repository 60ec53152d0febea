use crate::support::Case;

const RULE: &str = "sqlite-pragma-in-transaction";

#[test]
fn without_effect() {
    Case::sqlite("PRAGMA foreign_keys = OFF;").finds(RULE, &[(1, 1)]);
}

#[test]
fn outside() {
    Case::sqlite("PRAGMA foreign_keys=off;")
        .without_transaction()
        .passes(RULE);
}

#[test]
fn with_effect() {
    Case::sqlite("PRAGMA defer_foreign_keys = ON;").passes(RULE);
}

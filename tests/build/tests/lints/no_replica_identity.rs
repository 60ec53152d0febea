use crate::support::Case;

const RULE: &str = "no-replica-identity";

#[test]
fn nothing() {
    Case::postgres("ALTER TABLE t REPLICA IDENTITY NOTHING;").finds(RULE, &[(1, 15)]);
}

#[test]
fn others() {
    Case::postgres(
        "ALTER TABLE t REPLICA IDENTITY FULL;\nALTER TABLE t REPLICA IDENTITY USING INDEX i;",
    )
    .passes(RULE);
}

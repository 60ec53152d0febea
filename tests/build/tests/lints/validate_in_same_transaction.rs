use crate::support::Case;

const RULE: &str = "validate-in-same-transaction";

#[test]
fn together() {
    Case::postgres("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;\nALTER TABLE t VALIDATE CONSTRAINT c;").finds(RULE, &[(2, 15)]);
}

#[test]
fn sent_together_is_one_transaction_too() {
    Case::postgres("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;\nALTER TABLE t VALIDATE CONSTRAINT c;").without_transaction().finds(RULE, &[(2, 15)]);
}

#[test]
fn apart() {
    Case::postgres("ALTER TABLE t VALIDATE CONSTRAINT c;")
        .after("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;")
        .passes(RULE);
}

use crate::support::Case;

const RULE: &str = "open-transaction";

#[test]
fn open() {
    Case::postgres("BEGIN;\nALTER TABLE t ADD a int;")
        .without_transaction()
        .finds(RULE, &[(1, 1)]);
}

#[test]
fn ended() {
    Case::postgres("BEGIN; SELECT 1; COMMIT;")
        .without_transaction()
        .passes(RULE);
}

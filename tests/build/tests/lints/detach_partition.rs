use crate::support::Case;

const RULE: &str = "detach-partition";

#[test]
fn blocking() {
    Case::postgres("ALTER TABLE t DETACH PARTITION p;").finds(RULE, &[(1, 15)]);
}

#[test]
fn concurrently() {
    Case::postgres("ALTER TABLE t DETACH PARTITION p CONCURRENTLY;")
        .without_transaction()
        .passes(RULE);
}

#[test]
fn the_end_of_one() {
    Case::postgres("ALTER TABLE t DETACH PARTITION p FINALIZE;").passes(RULE);
}

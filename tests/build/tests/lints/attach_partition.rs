use crate::support::Case;

const RULE: &str = "attach-partition";

#[test]
fn attached() {
    Case::postgres("ALTER TABLE t ATTACH PARTITION p FOR VALUES FROM (1) TO (2);")
        .finds(RULE, &[(1, 15)]);
}

#[test]
fn made_as_one() {
    Case::postgres("CREATE TABLE p PARTITION OF t FOR VALUES FROM (1) TO (2);").passes(RULE);
}

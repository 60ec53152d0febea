use crate::support::Case;

const RULE: &str = "no-inherit";

#[test]
fn leaves() {
    Case::postgres("ALTER TABLE child NO INHERIT parent;").finds(RULE, &[(1, 19)]);
}

#[test]
fn joins() {
    Case::postgres("ALTER TABLE child INHERIT parent;").passes(RULE);
}

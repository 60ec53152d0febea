use crate::support::Case;

const RULE: &str = "drop-schema";

#[test]
fn dropped() {
    Case::postgres("DROP SCHEMA billing;").finds(RULE, &[(1, 13)]);
}

#[test]
fn the_way_back() {
    Case::postgres("CREATE SCHEMA billing;")
        .down("DROP SCHEMA billing;")
        .passes(RULE);
}

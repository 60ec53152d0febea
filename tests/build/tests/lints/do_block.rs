use crate::support::Case;

const RULE: &str = "do-block";

#[test]
fn a_block() {
    Case::postgres("DO $$ BEGIN DROP TABLE users; END $$;").finds(RULE, &[(1, 1)]);
}

#[test]
fn a_query() {
    Case::postgres("SELECT 1;").passes(RULE);
}

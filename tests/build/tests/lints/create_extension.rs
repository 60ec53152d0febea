use crate::support::Case;

const RULE: &str = "create-extension";

#[test]
fn installed() {
    Case::postgres("CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\";").finds(RULE, &[(1, 1)]);
}

#[test]
fn something_else() {
    Case::postgres("CREATE SEQUENCE extension_seq;").passes(RULE);
}

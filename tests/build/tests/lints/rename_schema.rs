use crate::support::Case;

const RULE: &str = "rename-schema";

#[test]
fn renamed() {
    Case::postgres("ALTER SCHEMA billing RENAME TO accounts;").finds(RULE, &[(1, 1)]);
}

#[test]
fn its_owner() {
    Case::postgres("ALTER SCHEMA billing OWNER TO me;").passes(RULE);
}

use crate::support::Case;

const RULE: &str = "add-enum-value";

#[test]
fn added() {
    Case::postgres("ALTER TYPE mood ADD VALUE IF NOT EXISTS 'fine';").finds(RULE, &[(1, 1)]);
}

#[test]
fn to_a_new_type() {
    Case::postgres("CREATE TYPE mood AS ENUM ('ok');\nALTER TYPE mood ADD VALUE 'fine';")
        .passes(RULE);
}

use crate::support::Case;

const RULE: &str = "enum-value-order";

#[test]
fn at_the_end() {
    Case::postgres("ALTER TYPE mood ADD VALUE IF NOT EXISTS 'ok';").finds(RULE, &[(1, 1)]);
}

#[test]
fn placed() {
    Case::postgres("ALTER TYPE mood ADD VALUE 'ok' AFTER 'sad';").passes(RULE);
}

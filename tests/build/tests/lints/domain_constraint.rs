use crate::support::Case;

const RULE: &str = "domain-constraint";

#[test]
fn made_with_one() {
    Case::postgres("CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%');").finds(RULE, &[(1, 1)]);
}

#[test]
fn added() {
    Case::postgres("ALTER DOMAIN email ADD CONSTRAINT c CHECK (VALUE <> '');")
        .finds(RULE, &[(1, 1)]);
}

#[test]
fn not_valid() {
    Case::postgres("ALTER DOMAIN email ADD CONSTRAINT c CHECK (VALUE <> '') NOT VALID;")
        .passes(RULE);
}

#[test]
fn without() {
    Case::postgres("CREATE DOMAIN email AS text;").passes(RULE);
}

use crate::support::Case;

const RULE: &str = "enum-value-in-transaction";

#[test]
fn with_more() {
    Case::postgres(
        "ALTER TYPE mood ADD VALUE 'ok';\nALTER TABLE t ALTER COLUMN m SET DEFAULT 'ok';",
    )
    .finds(RULE, &[(1, 1)]);
}

#[test]
fn alone() {
    Case::postgres("ALTER TYPE mood ADD VALUE 'ok'; ALTER TYPE mood ADD VALUE 'so';").passes(RULE);
}

#[test]
fn made_here() {
    Case::postgres("CREATE TYPE mood AS ENUM ('a'); ALTER TYPE mood ADD VALUE 'b'; CREATE TABLE t (id int PRIMARY KEY, m mood);").passes(RULE);
}

use crate::support::Case;

const RULE: &str = "rename-enum-value";

#[test]
fn renamed() {
    Case::postgres("ALTER TYPE mood RENAME VALUE 'sad' TO 'blue';").finds(RULE, &[(1, 1)]);
}

#[test]
fn the_type() {
    Case::postgres("ALTER TYPE mood RENAME TO feeling;").passes(RULE);
}

#[test]
fn made_here() {
    Case::postgres(
        "CREATE TYPE mood AS ENUM ('sad'); ALTER TYPE mood RENAME VALUE 'sad' TO 'blue';",
    )
    .passes(RULE);
}

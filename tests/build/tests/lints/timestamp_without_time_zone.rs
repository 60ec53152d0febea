use crate::support::Case;

const RULE: &str = "timestamp-without-time-zone";

#[test]
fn without() {
    Case::postgres(
        "CREATE TABLE t (id int PRIMARY KEY, a timestamp(3), b timestamp without time zone);",
    )
    .finds(RULE, &[(1, 37), (1, 53)]);
}

#[test]
fn with() {
    Case::postgres(
        "CREATE TABLE t (id int PRIMARY KEY, a timestamptz, b timestamp with time zone);",
    )
    .passes(RULE);
}

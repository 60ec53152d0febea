use crate::support::Case;

const RULE: &str = "refresh-not-concurrent";

#[test]
fn blocking() {
    Case::postgres("REFRESH MATERIALIZED VIEW v;").finds(RULE, &[(1, 1)]);
}

#[test]
fn concurrently() {
    Case::postgres("REFRESH MATERIALIZED VIEW CONCURRENTLY v;").passes(RULE);
}

#[test]
fn made_here() {
    Case::postgres(
        "CREATE MATERIALIZED VIEW v AS SELECT 1 AS a WITH NO DATA; REFRESH MATERIALIZED VIEW v;",
    )
    .passes(RULE);
}

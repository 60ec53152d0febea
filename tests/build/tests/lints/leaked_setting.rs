use crate::support::Case;

const RULE: &str = "leaked-setting";

#[test]
fn leaks() {
    Case::postgres("SET lock_timeout = '1s';").finds(RULE, &[(1, 1)]);
}

#[test]
fn local() {
    Case::postgres("SET LOCAL lock_timeout = '1s';").passes(RULE);
}

#[test]
fn set_back() {
    Case::postgres("SET search_path = a;\nSET search_path = public;").finds(RULE, &[(2, 1)]);
}

#[test]
fn given_back() {
    Case::postgres(
        "SET search_path = a;\nRESET search_path;\nSET work_mem = '1GB';\nSET work_mem TO DEFAULT;",
    )
    .passes(RULE);
}

#[test]
fn what_ends_with_the_transaction() {
    Case::postgres(
        "SET CONSTRAINTS ALL DEFERRED; SET TRANSACTION READ ONLY; SET LOCAL TIME ZONE 'UTC';",
    )
    .passes(RULE);
}

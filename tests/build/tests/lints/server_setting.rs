use crate::support::Case;

const RULE: &str = "server-setting";

#[test]
fn each() {
    Case::postgres("ALTER SYSTEM SET work_mem = '1GB';\nALTER DATABASE app SET timezone TO 'UTC';\nALTER ROLE web SET statement_timeout = '5s';\nALTER ROLE web RESET ALL;")
        .finds(RULE, &[(1, 1), (2, 1), (3, 1), (4, 1)]);
}

#[test]
fn of_the_session_or_no_setting() {
    Case::postgres(
        "SET LOCAL work_mem = '1GB';\nALTER ROLE web LOGIN;\nALTER DATABASE app OWNER TO me;",
    )
    .passes(RULE);
}

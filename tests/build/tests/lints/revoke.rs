use crate::support::Case;

const RULE: &str = "revoke";

#[test]
fn each() {
    Case::postgres("REVOKE UPDATE (a) ON t FROM web;\nREVOKE ALL ON ALL TABLES IN SCHEMA public FROM web;\nREVOKE admin FROM web;")
        .finds(RULE, &[(1, 1), (2, 1), (3, 1)]);
    Case::mysql("REVOKE UPDATE ON t FROM web;").finds(RULE, &[(1, 1)]);
}

/// PUBLIC may call every new function.
#[test]
fn of_what_was_just_made() {
    Case::postgres("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';\nREVOKE ALL ON FUNCTION f() FROM PUBLIC;")
        .passes(RULE);
}

#[test]
fn on_the_way_back() {
    Case::postgres("GRANT SELECT ON t TO web;")
        .down("REVOKE SELECT ON t FROM web;")
        .passes(RULE);
}

//! What a user sees who makes a mistake, and what a user never sees: one file per mistake, in `ui/<topic>/`.
//!
//! After a wanted change of a message: `TRYBUILD=overwrite cargo test -p tests --test ui`, and read the difference.

/// Every refusal points at the token that is wrong, says what to write instead, and causes no second error.
#[test]
fn mistakes_are_reported_where_they_are_made() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/attributes/*.rs");
    cases.compile_fail("tests/ui/carry/*.rs");
    cases.compile_fail("tests/ui/columns/*.rs");
    cases.compile_fail("tests/ui/conversions/*.rs");
    cases.compile_fail("tests/ui/structs/*.rs");
    cases.compile_fail("tests/ui/table/*.rs");
    cases.compile_fail("tests/ui/types/*.rs");
    cases.compile_fail("tests/ui/used/*.rs");
}

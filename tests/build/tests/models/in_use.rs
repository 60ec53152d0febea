//! From models to what the lints know: one build script's whole way.

use expand_contract::build::{Build, Database, Lints, Models};

use crate::support::Sources;

const LIB: &str = "
diesel::table! {
    #[sql_name = \"accounts\"]
    users (id) {
        id -> Integer,
        #[sql_name = \"mail\"]
        contact -> Text,
        balance -> BigInt,
    }
}

use expand_contract::prelude::*;

#[derive(Queryable, Selectable, Migrate)]
#[diesel(table_name = users)]
struct User {
    id: i32,
    #[migrate(rename_from = \"email\")]
    contact: String,
    #[migrate(retype_from = Integer, up = \"balance\", down = \"balance\", id = \"x\")]
    balance: i64,
}
";

#[track_caller]
fn found(sql: &str) -> Vec<(&'static str, String)> {
    let lib = LIB.replace(", id = \"x\"", "");
    let sources = Sources::new(&[("src/lib.rs", &lib), ("migrations/0001_x/up.sql", sql)]);
    let report = Build::new()
        .models(Models::new().tree(sources.path().join("src/lib.rs")))
        .migrations(Lints::new(
            sources.path().join("migrations"),
            Database::Postgres,
        ))
        .check();
    report
        .findings
        .iter()
        .map(|f| (f.rule, f.message.clone()))
        .collect()
}

#[track_caller]
fn finds(sql: &str, rule: &str, words: &[&str]) {
    let found = found(&format!("SET LOCAL lock_timeout = '1s';\n{sql}"));
    let of_rule: Vec<_> = found.iter().filter(|(id, _)| *id == rule).collect();
    assert_eq!(of_rule.len(), 1, "{found:?}");
    for word in words {
        assert!(of_rule[0].1.contains(word), "{found:?}");
    }
}

#[test]
fn names_are_those_of_the_database() {
    finds(
        "ALTER TABLE accounts DROP COLUMN mail;",
        "drop-column-in-use",
        &["users::contact at ", "src/lib.rs:7:9"],
    );
    finds("DROP TABLE accounts;", "drop-table-in-use", &["src/lib.rs"]);
}

/// fm43: the old column goes with `contract`, not with a file that somebody writes beside it.
#[test]
fn fm43_the_columns_of_a_migration_under_way() {
    finds(
        "ALTER TABLE accounts DROP COLUMN email;",
        "migrating-column",
        &["old column of the migration `users/balance+contact`"],
    );
    finds(
        "ALTER TABLE accounts ADD COLUMN mail text;",
        "migrating-column",
        &["new column"],
    );
    finds(
        "ALTER TABLE accounts ALTER balance TYPE bigint;",
        "migrating-column",
        &["`accounts.balance`"],
    );
    finds(
        "ALTER TABLE accounts DROP COLUMN balance_expand_contract;",
        "migrating-column",
        &["balance_expand_contract"],
    );
}

#[test]
fn others_are_not_touched() {
    let found = found("SET LOCAL lock_timeout = '1s';\nALTER TABLE users ADD COLUMN email text;");
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn what_a_build_script_has_to_watch() {
    let sources = Sources::new(&[
        ("src/lib.rs", ""),
        ("migrations/0001_x/up.sql", "SELECT 1;"),
    ]);
    let report = Build::new()
        .models(Models::new().tree(sources.path().join("src/lib.rs")))
        .migrations(Lints::new(
            sources.path().join("migrations"),
            Database::Postgres,
        ))
        .check();
    let read: Vec<_> = report
        .read
        .iter()
        .map(|path| {
            path.strip_prefix(sources.path())
                .unwrap()
                .display()
                .to_string()
        })
        .collect();
    assert_eq!(read, ["migrations", "src/lib.rs"]);
}

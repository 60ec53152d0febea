//! `schema.rs` and a model that disagree about a column that is changing.

use crate::support::{places, Sources};

const MODEL: &str = "use expand_contract::prelude::*;
#[derive(Migrate)]
#[diesel(table_name = crate::schema::users)]
pub struct User {
    pub id: i32,
    #[migrate(rename_from = \"email\", retype_from = Text, up = \"upper(email)\", down = \"lower(contact)\")]
    pub contact: String,
    #[migrate(retype_from = Nullable<Integer>, up = \"balance\", down = \"balance\")]
    pub balance: i64,
}
";

fn schema(columns: &[&str]) -> Sources {
    let table = format!(
        "diesel::table! {{\n    users (id) {{\n        id -> Integer,\n        {}\n    }}\n}}\n",
        columns.join("\n        ")
    );
    Sources::new(&[
        ("src/lib.rs", "mod schema; mod user;"),
        ("src/schema.rs", &table),
        ("src/user.rs", MODEL),
    ])
}

#[track_caller]
fn says(columns: &[&str], expected: &[&str], words: &[&str]) {
    let sources = schema(columns);
    let found = sources.tree();
    assert_eq!(
        places(&found, sources.path()),
        expected,
        "{:#?}",
        found.report().findings
    );
    for (finding, word) in found.report().findings.iter().zip(words) {
        let text = format!("{}; {}", finding.message, finding.help);
        assert!(text.contains(word), "{text}");
        assert!(text.contains("src/user.rs:"), "{text}");
    }
}

#[test]
fn as_it_shall_be() {
    says(&["contact -> Varchar,", "balance -> BigInt,"], &[], &[]);
    says(
        &[
            "#[sql_name = \"mail\"]",
            "contact -> Varchar,",
            "balance -> BigInt,",
        ],
        &[],
        &[],
    );
}

#[test]
fn fm43_only_the_old_column() {
    says(
        &["email -> Text,", "balance -> BigInt,"],
        &["src/schema.rs:4:9 schema"],
        &["call it `contact`"],
    );
    says(
        &[
            "balance -> BigInt,",
            "#[sql_name = \"email\"]",
            "mail -> Text,",
        ],
        &["src/schema.rs:6:9 schema"],
        &["`mail` is the old column of `contact`"],
    );
}

/// What `diesel print-schema` writes while both are there.
#[test]
fn fm43_both_columns() {
    says(
        &[
            "contact -> Varchar,",
            "email -> Text,",
            "balance -> BigInt,",
            "balance_expand_contract -> BigInt,",
        ],
        &["src/schema.rs:5:9 schema", "src/schema.rs:7:9 schema"],
        &["remove the line", "intermediate column"],
    );
}

#[test]
fn neither_column() {
    says(
        &["balance -> BigInt,"],
        &["src/schema.rs:2:5 schema"],
        &["has no column `contact`"],
    );
}

#[test]
fn the_old_type() {
    says(
        &[
            "contact -> diesel::sql_types::Text,",
            "balance -> Nullable<sql_types::Integer>,",
        ],
        &["src/schema.rs:5:9 schema"],
        &["the type it had before"],
    );
}

/// Without the table nothing can be said.
#[test]
fn a_table_that_is_elsewhere() {
    let sources = Sources::new(&[("src/lib.rs", MODEL)]);
    assert_eq!(sources.ids(), ["users/balance+contact"]);
}

/// Two tables of one name: the one that the path names, the one of the same module; where it could be either, neither.
#[test]
fn tables_of_one_name() {
    let table =
        |columns: &str| format!("diesel::table! {{ users (id) {{ id -> Integer, {columns} }} }}");
    let model = |path: &str| {
        format!("#[derive(expand_contract::Migrate)] #[diesel(table_name = {path})] struct U {{ id: i32, #[migrate(rename_from = \"email\")] contact: String }}")
    };
    let (new, old) = (table("contact -> Text"), table("email -> Text"));
    for (lib, expected) in [
        (
            format!("mod a {{ {new} {} }} mod b {{ {old} }}", model("users")),
            0,
        ),
        (
            format!("mod a {{ {new} }} mod b {{ {old} {} }}", model("users")),
            1,
        ),
        (
            format!("mod a {{ {new} }} mod b {{ {old} }} {}", model("a::users")),
            0,
        ),
        (
            format!(
                "mod a {{ {new} }} mod b {{ {old} }} {}",
                model("crate::b::users")
            ),
            1,
        ),
        (
            format!(
                "mod a {{ {new} }} mod b {{ {old} }} use a::users; {}",
                model("users")
            ),
            0,
        ),
    ] {
        let sources = Sources::new(&[("src/lib.rs", &lib)]);
        let findings = sources.tree().report().findings.clone();
        assert_eq!(findings.len(), expected, "{lib}: {findings:#?}");
    }
}

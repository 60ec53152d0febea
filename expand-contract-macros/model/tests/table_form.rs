//! The attribute on `diesel::table!`.

mod support;

use expand_contract_model::{Conversion, Part};
use quote::ToTokens;
use support::{assert_all, assert_one, table};

const VERSIONS: &str = r##"diesel::table! {
    use diesel::sql_types::*;
    use crate::types::{Sha, Other};

    /// The versions.
    #[sql_name = "Versions"]
    public.versions (id, r#type) {
        /// The key.
        id -> Integer,
        r#type -> Nullable<Text>,
        #[sql_name = "tar sha"]
        #[max_length = 64]
        tar_sha256 -> Array<Nullable<Binary>>,
        num -> diesel::sql_types::Text,
    }
}"##;

fn versions(args: &str) -> Result<expand_contract_model::TableMigration, Vec<support::Found>> {
    table(&format!("#[expand_contract::migrate({args})] {VERSIONS}"))
}

#[test]
fn declaration_and_change_are_read() {
    let read = versions(
        r#"tar_sha256(rename_from = "checksum", retype_from = Text,
                     up = "decode(checksum, 'hex')", down = "encode(\"tar sha\", 'hex') || tar_sha256"),
           num(rename_from = "number"),
           generation = 3, crate = "ec""#,
    )
    .expect("valid");
    let table = &read.table;
    assert_eq!(table.ident, "versions");
    assert_eq!(table.sql_name, "Versions");
    assert_eq!(table.schema.as_ref().expect("given"), "public");
    assert_eq!(table.uses.len(), 2);
    assert_eq!(table.attrs.len(), 2);
    assert_eq!(table.primary_key, ["id", "r#type"]);
    let names: Vec<&str> = table
        .columns
        .iter()
        .map(|column| column.sql_name.as_str())
        .collect();
    assert_eq!(names, ["id", "type", "tar sha", "num"]);
    assert_eq!(table.columns[2].attrs.len(), 2);

    let migration = &read.migration;
    assert_eq!(migration.id, "versions/num+tar_sha256");
    assert_eq!((migration.generation, migration.changes.len()), (3, 2));
    let change = &migration.changes[0];
    assert_eq!(change.column_name.as_deref(), Some("tar sha"));
    assert_eq!(
        change.column_type.to_token_stream().to_string(),
        "Array < Nullable < Binary > >"
    );
    assert!(change.field.is_none() && change.rust_type.is_none());
    let Conversion::Sql { down, .. } = &change.conversion else {
        panic!("{change:#?}");
    };
    let mentions = down
        .any
        .iter()
        .flat_map(|sql| &sql.parts)
        .filter(|part| **part == Part::Column);
    assert_eq!(mentions.count(), 2);
}

#[test]
fn invocation_is_kept_verbatim() {
    let source = format!(
        "#[expand_contract::migrate(num(rename_from = \"number\"))] #[allow(unused)] {VERSIONS}"
    );
    let (args, item) = support::split(&source);
    let read = expand_contract_model::TableMigration::parse(args, item.clone()).expect("valid");
    assert_eq!(
        read.invocation.to_token_stream().to_string(),
        item.to_string()
    );
}

#[test]
fn short_declarations_are_read() {
    let read =
        table(r#"#[migrate(a(rename_from = "b"))] table! { posts { id -> Integer, a -> Text } }"#)
            .expect("valid");
    assert_eq!(read.table.primary_key, ["id"]);
    assert_eq!(read.table.sql_name, "posts");
    assert!(read.table.schema.is_none());
    let read = table(r##"#[migrate(a(rename_from = "b"))] diesel::table!( r#type (a_key) { a_key -> Integer, a -> Text, } );"##)
        .expect("valid");
    assert_eq!(read.table.sql_name, "type");
    assert_eq!(read.migration.id, "type/a");
}

#[test]
fn a_column_may_be_called_like_a_key() {
    let read = table(
        r#"#[migrate(generation(rename_from = "b"), generation = 2, id = "x")] table! { posts { id -> Integer, generation -> Text } }"#,
    )
    .expect("valid");
    assert_eq!(read.migration.changes[0].column, "generation");
    assert_eq!(
        (read.migration.generation, read.migration.id.as_str()),
        (2, "x")
    );
}

#[test]
fn both_forms_agree() {
    let args = r#"rename_from = "checksum", retype_from = Text, up = "decode(checksum, 'hex')", down = "encode(tar_sha256, 'hex')""#;
    let field = support::field(args).expect("valid");
    let table = versions(&format!("tar_sha256({args})"))
        .expect("valid")
        .migration;
    assert_eq!(field.id, table.id);
    let parts = |migration: &expand_contract_model::Migration| match &migration.changes[0]
        .conversion
    {
        Conversion::Sql { up, down } => [up, down].map(|sql| sql.any.clone().expect("given").parts),
        other => panic!("{other:#?}"),
    };
    assert_eq!(parts(&field), parts(&table));

    let retype = "retype_from = Text, old_type = String";
    let field = support::field(retype).expect("valid");
    let table = versions(&format!("tar_sha256({retype}, new_type = Vec<u8>)"))
        .expect("valid")
        .migration;
    assert_eq!(field.changes[0].via, table.changes[0].via);
}

#[test]
fn unknown_columns() {
    assert_one(
        versions(r#"tar_sha265(rename_from = "x")"#),
        "tar_sha265",
        "has no column `tar_sha265`, did you mean `tar_sha256`?",
    );
    assert_one(
        versions(r#"nonsense(rename_from = "x")"#),
        "nonsense",
        "its columns are `id`, `type`, `tar_sha256`, `num`",
    );
    let named = r#"#[migrate(taille(rename_from = "x"))] table! { posts { id -> Integer, #[sql_name = "taille"] size -> Text } }"#;
    assert_one(table(named), "taille", "did you mean `size`?");
}

#[test]
fn wrong_arguments() {
    assert_one(versions(""), "versions", "nothing changes here");
    assert_one(
        versions(r#"num(rename_from = "x"), num(rename_from = "y")"#),
        "num",
        "given twice",
    );
    assert_one(
        versions(r#"num(rename_from = "x"), repository = false"#),
        "repository",
        "a table has no repository",
    );
    assert_one(
        versions(r#"num(rename_from = "x"), lossless"#),
        "lossless",
        "belongs to a column",
    );
    assert_one(
        versions(r#"num(rename_from = "x"), gneration = 1"#),
        "gneration",
        "did you mean `generation`?",
    );
    assert_one(
        versions(r#"num(rename_from = "x", nmae = 1)"#),
        "nmae",
        "unknown key `nmae`",
    );
}

#[test]
fn names_of_the_database_count() {
    assert_one(
        versions(r#"tar_sha256(rename_from = "tar sha")"#),
        "\"tar sha\"",
        "is the column itself",
    );
    assert_one(
        versions(r#"num(rename_from = "tar sha")"#),
        "\"tar sha\"",
        "also the column of `tar_sha256`",
    );
    // The identifier is not the column's name, and free.
    assert!(versions(r#"num(rename_from = "tar_sha256")"#).is_ok());
    // a key follows the phase, if the database converts it
    assert!(versions(r##"r#type(rename_from = "x")"##).is_ok());
    assert_one(
        versions(r##"r#type(retype_from = Integer, old_type = i32, new_type = i64)"##),
        "r#type",
        "the database has to convert it",
    );
    let long = "a".repeat(64);
    let source = format!(
        r#"#[migrate(a(rename_from = "b"))] table! {{ posts {{ id -> Integer, #[sql_name = "{long}"] a -> Text }} }}"#
    );
    assert_one(table(&source), "a", "has 64 bytes");
}

#[test]
fn wrong_items() {
    assert_one(
        table(r#"#[migrate(a(rename_from = "b"))] struct A { a: i32 }"#),
        "struct",
        "derive `Migrate`",
    );
    assert_one(
        table(r#"#[migrate(a(rename_from = "b"))] diesel::joinable! { a -> b (c) }"#),
        "diesel::joinable",
        "expected a `diesel::table!`",
    );
    assert_all(
        table(r#"#[migrate(nonsense, a(rename_from = ""))] table! { posts { id -> Integer, a } }"#),
        &[("nonsense", "unknown key"), ("}", "expected `->`")],
    );
    assert_one(
        table(
            r#"#[migrate(a(rename_from = "b"))] table! { posts { id -> Integer, #[sql_name = x] a -> Text } }"#,
        ),
        "sql_name = x",
        "#[sql_name = \"my name\"]",
    );
}

#[test]
fn a_refused_table_is_still_declared() {
    let (args, item) = support::split(&format!("#[migrate(nonsense, crate = \"ec\")] {VERSIONS}"));
    let rejected =
        expand_contract_model::TableMigration::parse(args, item.clone()).expect_err("refused");
    assert_eq!(rejected.item.to_string(), item.to_string());
    assert_eq!(rejected.krate, syn::parse_quote!(ec));
}

#[test]
fn a_conversion_in_rust_gives_both_types() {
    let functions = "up_with = unhex, down_with = hex::encode";
    let retype = "rename_from = \"checksum\", retype_from = Text, old_type = String";
    let read = versions(&format!(
        "tar_sha256({retype}, new_type = Vec<u8>, {functions})"
    ))
    .expect("valid");
    let new_type = read.migration.changes[0].rust_type.to_token_stream();
    assert_eq!(new_type.to_string(), "Vec < u8 >");

    assert_one(
        versions(&format!("tar_sha256({retype}, {functions})")),
        "up_with",
        "my_column(new_type = Vec<u8>)",
    );
    assert_one(
        versions(&format!("tar_sha256({retype})")),
        "retype_from",
        "add `new_type`",
    );
    assert_one(
        versions("tar_sha256(rename_from = \"checksum\", new_type = Vec<u8>)"),
        "new_type",
        "a rename alone does not convert values",
    );
}

#[test]
fn a_refused_table_has_a_stand_in() {
    let args =
        "num(rename_form = \"a\"), nummer(rename_from = \"b\"), tar_sha256(rename_from = \"num\")";
    let (args, item) = support::split(&format!("#[migrate({args})] {VERSIONS}"));
    let rejected = expand_contract_model::TableMigration::parse(args, item).expect_err("refused");
    let stand_in = rejected.stand_in.expect("the table is known");
    let columns: Vec<String> = stand_in
        .migration
        .changes
        .iter()
        .map(|change| change.column.to_string())
        .collect();
    assert_eq!(columns, ["num", "tar_sha256"]);
}

//! Every rule: the text of the error, and the token it points at.

mod support;

use support::{assert_all, assert_one, field, model};

const BOTH: &str = r#"up = "decode(checksum, 'hex')", down = "encode(tar_sha256, 'hex')""#;

/// A struct with these attributes and fields.
fn with(
    attributes: &str,
    fields: &str,
) -> Result<expand_contract_model::Model, Vec<support::Found>> {
    model(&format!("{attributes} struct Version {{ {fields} }}"))
}

const TABLE: &str = "#[diesel(table_name = versions)]";
const FIELD: &str = r#"id: i32, #[migrate(rename_from = "b")] a: i32"#;

mod keys {
    use super::*;

    #[test]
    fn unknown() {
        assert_one(
            field(r#"rename_form = "checksum", rename_from = "b""#),
            "rename_form",
            "did you mean `rename_from`?",
        );
        assert_one(
            field(r#"rename_from = "b", nonsense(1, 2)"#),
            "nonsense",
            "expected one of `rename_from`, `retype_from`",
        );
        assert_one(
            with(&format!("{TABLE} #[migrate(generatoin = 2)]"), FIELD),
            "generatoin",
            "did you mean `generation`?",
        );
    }

    #[test]
    fn in_the_wrong_place() {
        assert_one(
            field(r#"rename_from = "b", id = "x""#),
            "id",
            "belongs on the struct",
        );
        assert_one(
            with(&format!("{TABLE} #[migrate(lossless)]"), FIELD),
            "lossless",
            "belongs on the field",
        );
    }

    #[test]
    fn repeated() {
        assert_one(
            field(r#"rename_from = "b", rename_from = "c""#),
            "rename_from",
            "`rename_from` is given twice",
        );
        let fields = r#"#[migrate(rename_from = "b")] #[migrate(rename_from = "c")] a: i32"#;
        assert_one(with(TABLE, fields), "rename_from", "given twice");
    }

    #[test]
    fn with_the_wrong_kind_of_value() {
        let help = r#"help: the correct format looks like `#[migrate(rename_from = "old_name")]`"#;
        let retype = "retype_from = Text, old_type = String";
        assert_one(
            field(&format!("{retype}, rename_from = checksum")),
            "checksum",
            "expected a string literal",
        );
        assert_one(
            field(&format!("{retype}, rename_from = checksum")),
            "checksum",
            help,
        );
        assert_one(
            field(&format!("{retype}, rename_from")),
            "rename_from",
            "expected `=` and a string literal",
        );
        assert_all(
            field("rename_from, via"),
            &[("rename_from", help), ("via", "a string literal")],
        );
    }

    #[test]
    fn with_the_wrong_kind_of_value_of_each_kind() {
        let retype = "retype_from = Text, old_type = String";
        assert_one(
            field(r#"retype_from = "Text", up = "x""#),
            r#""Text""#,
            "without quotes",
        );
        assert_one(
            field(&format!("{retype}, lossless = true")),
            "=",
            "takes no value",
        );
        assert_one(
            field(r#"retype_from = Text, old_type = "String""#),
            r#""String""#,
            "expected a type",
        );
        assert_one(
            field(&format!("{retype}, sql_type = Text")),
            "Text",
            "expected a string literal",
        );
        assert_one(field("rename_from = \"a\" \"b\""), "\"b\"", "expected `,`");
    }

    #[test]
    fn settings_of_the_wrong_kind() {
        let settings = |settings: &str| with(&format!("{TABLE} #[migrate({settings})]"), FIELD);
        assert_one(
            settings("generation = \"2\""),
            "\"2\"",
            "expected an integer",
        );
        assert_one(settings("generation = 0"), "0", "generations count from 1");
        assert_one(
            settings("generation = 5000000000"),
            "5000000000",
            "expected a number from 1 to 4294967295",
        );
        assert_one(settings("repository = 3"), "3", "or `false`");
        assert_one(
            settings("repository = \"a b\""),
            "\"a b\"",
            "the name of a type",
        );
        assert_one(settings("crate = \"a b\""), "\"a b\"", "a path as a string");
        assert_one(settings("id = \"\""), "\"\"", "the id is empty");
        let long = format!("\"{}\"", "ü".repeat(51));
        assert_one(
            settings(&format!("id = {long}")),
            &long,
            "has 51 characters, 50 are allowed",
        );
        assert!(settings(&format!("id = \"{}\"", "ü".repeat(50))).is_ok());
        assert_one(
            settings("id = \" x\""),
            "\" x\"",
            "begins or ends with a blank",
        );
    }

    #[test]
    fn without_parentheses() {
        assert_one(
            with("#[diesel(table_name = v)] #[migrate]", FIELD),
            "migrate",
            "expected parentheses",
        );
        let fields = "#[migrate = 1] a: i32";
        assert_one(with(TABLE, fields), "migrate = 1", "expected parentheses");
    }

    #[test]
    fn of_dialects() {
        let up = r#"rename_from = "checksum", retype_from = Text, down = "tar_sha256", up"#;
        assert_all(
            field(&format!(
                r#"{up}(postgress = "checksum", any = "checksum")"#
            )),
            &[("postgress", "did you mean `postgres`?")],
        );
        assert_one(
            field(&format!(r#"{up}(any = "checksum", any = "checksum")"#)),
            "any",
            "given twice",
        );
        assert_one(
            field(&format!("{up}()")),
            "up",
            "something in the parentheses",
        );
        assert_one(
            field(&format!(r#"{up}(postgres = "checksum")"#)),
            "up",
            "no expression for `any`",
        );
    }
}

mod names {
    use super::*;

    #[test]
    fn nothing_changes() {
        assert_one(
            field(""),
            "tar_sha256",
            "give `rename_from`, `retype_from` or both",
        );
        assert_one(with(TABLE, "id: i32"), "Version", "nothing changes here");
    }

    #[test]
    fn that_are_no_identifiers() {
        assert_one(field("rename_from = \"\""), "\"\"", "is empty");
        assert_one(
            field(&format!("rename_from = \"\", retype_from = Text, {BOTH}")),
            "\"\"",
            "is empty",
        );
        let long = format!("\"{}\"", "a".repeat(64));
        assert_one(
            field(&format!("rename_from = {long}")),
            &long,
            "has 64 bytes",
        );
        assert!(field(&format!("rename_from = \"{}\"", "a".repeat(63))).is_ok());
        assert_one(
            field(&format!(
                "retype_from = Text, old_type = String, via = {long}"
            )),
            &long,
            "has 64 bytes",
        );
    }

    #[test]
    fn rename_to_itself() {
        assert_one(
            field("rename_from = \"tar_sha256\""),
            "\"tar_sha256\"",
            "renames nothing: name the column",
        );
        let retype = r#"rename_from = "tar_sha256", retype_from = Text, old_type = String"#;
        assert_one(field(retype), "\"tar_sha256\"", "is written without it");
    }

    #[test]
    fn via() {
        let retype = "retype_from = Text, old_type = String";
        assert_one(
            field(&format!(r#"rename_from = "b", {retype}, via = "c""#)),
            "via",
            "remove `via`",
        );
        assert_one(
            field(&format!(r#"{retype}, via = "tar_sha256""#)),
            "\"tar_sha256\"",
            "cannot be called as the column itself",
        );
        assert_one(
            field(&format!(r#"{retype}, via = "num""#)),
            "\"num\"",
            "is another column already",
        );
        let fields =
            r#"a_expand_contract: i32, #[migrate(retype_from = Text, old_type = String)] a: i32"#;
        assert_one(with(TABLE, fields), "a", "give a free name");
    }

    #[test]
    fn two_from_one() {
        let fields =
            r#"#[migrate(rename_from = "c")] a: i32, #[migrate(rename_from = "c" )] b: i32"#;
        assert_one(
            with(TABLE, fields),
            "\"c\"",
            "`a` comes from the old column `c` already",
        );
        let fields = r#"a: i32, #[migrate(rename_from = "a")] b: i32"#;
        assert_one(with(TABLE, fields), "\"a\"", "is also the column of `a`");
        let fields =
            r#"#[migrate(rename_from = "b")] a: i32, #[migrate(rename_from = "a")] b: i32"#;
        assert_all(
            with(TABLE, fields),
            &[
                ("\"b\"", "also the column of `b`"),
                ("\"a\"", "also the column of `a`"),
            ],
        );
        let fields = r#"#[migrate(rename_from = "x")] a: i32, #[diesel(column_name = a)] #[migrate(rename_from = "y")] b: i32"#;
        assert_one(
            with(TABLE, fields),
            "b",
            "the column `a` is annotated twice",
        );
    }

    #[test]
    fn of_keys() {
        assert_one(
            with(TABLE, r#"#[migrate(rename_from = "nr")] id: i32"#),
            "id",
            "declare the change on the table",
        );
        let table = "#[diesel(table_name = versions, primary_key(a, b))]";
        assert_one(
            with(table, r#"a: i32, #[migrate(rename_from = "c")] b: i32"#),
            "b",
            "belongs to the primary key",
        );
        assert!(with(table, r#"a: i32, #[migrate(rename_from = "nr")] id: i32"#).is_ok());
    }
}

mod conversions {
    use super::*;

    #[test]
    fn of_a_rename() {
        assert_all(
            field(
                r#"rename_from = "b", up = "b", down = "tar_sha256", lossless, old_type = String"#,
            ),
            &[
                ("up", "add `retype_from`"),
                ("down", "add `retype_from`"),
                ("old_type", "add `retype_from`"),
                ("lossless", "add `retype_from`"),
            ],
        );
    }

    #[test]
    fn in_one_direction() {
        let retype = r#"rename_from = "checksum", retype_from = Text"#;
        assert_one(
            field(&format!(r#"{retype}, up = "checksum""#)),
            "up",
            "new code writes the old column from its first day",
        );
        assert_one(
            field(&format!(r#"{retype}, down = "tar_sha256""#)),
            "down",
            "`down` without `up`",
        );
        assert_one(
            field(&format!("{retype}, old_type = String, up_with = f")),
            "up_with",
            "`up_with` without `down_with`",
        );
        assert_one(
            field(&format!("{retype}, old_type = String, down_with = f")),
            "down_with",
            "`down_with` without `up_with`",
        );
    }

    #[test]
    fn in_two_languages() {
        let retype = r#"rename_from = "checksum", retype_from = Text"#;
        assert_all(
            field(&format!("{retype}, {BOTH}, up_with = f, down_with = g")),
            &[
                ("up_with", "in SQL and `up_with` in Rust"),
                ("down_with", "keep `up` and `down`, or"),
            ],
        );
        assert_one(
            field(&format!(r#"{retype}, up = "checksum", down_with = g"#)),
            "down_with",
            "in SQL and",
        );
    }

    #[test]
    fn in_rust_need_the_old_type() {
        let retype = r#"rename_from = "checksum", retype_from = Text"#;
        assert_one(
            field(retype),
            "retype_from",
            "`TryFrom` or `From` converts, and needs the Rust type",
        );
        assert_one(
            field(&format!("{retype}, up_with = f, down_with = g")),
            "up_with",
            "add `old_type`",
        );
    }

    #[test]
    fn with_other_dialects() {
        let retype = r#"rename_from = "checksum", retype_from = Text"#;
        let both = r#"up(postgres = "checksum"), down(sqlite = "tar_sha256")"#;
        assert_all(
            field(&format!("{retype}, {both}")),
            &[
                ("down", "no expression for `postgres`"),
                ("up", "no expression for `sqlite`"),
            ],
        );
    }

    #[test]
    fn with_an_empty_type() {
        assert_one(
            field(r#"rename_from = "b", sql_type = " ""#),
            "\" \"",
            "type is empty",
        );
    }

    #[test]
    fn with_wrong_sql() {
        let up = |sql: &str| {
            field(&format!(
                r#"rename_from = "checksum", retype_from = Text, down = "tar_sha256", up = {sql}"#
            ))
        };
        for (sql, text) in [
            ("\"\"", "`up`: the expression is empty"),
            ("\"decode(x, 'hex')\"", "write the column as `checksum`"),
            (
                "\"decode(versions.checksum, 'hex')\"",
                "without the table's name before it",
            ),
            ("\"checksum || 'x\"", "never ends"),
            ("\"checksum; \"", "one SQL expression, not a statement"),
            ("\"(checksum\"", "`(` is never closed"),
            ("\"checksum + $1\"", "place for a bound value"),
            ("\"checksum ? 'a'\"", "PostgreSQL's operator `?`"),
            (
                "\"coalesce(checksum, tar_sha256)\"",
                "`tar_sha256` is the other column",
            ),
        ] {
            assert_one(up(sql), sql, text);
        }
        assert_one(
            field(
                r#"rename_from = "checksum", retype_from = Text, up = "checksum", down = "checksum || tar_sha256""#,
            ),
            "\"checksum || tar_sha256\"",
            "`down`: `checksum` is the other column",
        );
    }
}

mod structs {
    use super::*;

    #[test]
    fn that_are_none() {
        assert_one(
            model("#[diesel(table_name = v)] enum Version { A }"),
            "Version",
            "is an enum",
        );
        assert_one(
            model("#[diesel(table_name = v)] struct Version;"),
            "Version",
            "without fields",
        );
        assert_one(
            model("#[diesel(table_name = v)] union Version { a: i32 }"),
            "Version",
            "is a union",
        );
    }

    #[test]
    fn without_a_table_or_with_two() {
        assert_one(
            with("", FIELD),
            "Version",
            "`#[diesel(table_name = my_table)]`",
        );
        assert_one(
            with("#[diesel(table_name = a, table_name = b)]", FIELD),
            "table_name",
            "expected a single `table_name`",
        );
        let old_style = "table_name = \"a\"";
        assert_one(
            with(&format!("#[{old_style}]"), FIELD),
            old_style,
            "`#[diesel(table_name = my_table)]`",
        );
    }

    #[test]
    fn with_fields_that_are_no_columns() {
        let fields = r#"#[diesel(embed)] #[migrate(rename_from = "b")] a: A"#;
        assert_one(
            with(TABLE, fields),
            "embed",
            "on the field of the embedded struct",
        );
        let fields = r#"#[diesel(select_expression = versions::a.nullable())] #[migrate(rename_from = "b")] a: A"#;
        assert_one(
            with(TABLE, fields),
            "select_expression",
            "the same column in every phase",
        );
        let fields =
            r#"#[diesel(serialize_as = B, deserialize_as = B)] #[migrate(rename_from = "b")] a: A"#;
        assert_all(
            with(TABLE, fields),
            &[
                (
                    "serialize_as",
                    "put the conversion into `up_with` and `down_with`",
                ),
                (
                    "deserialize_as",
                    "put the conversion into `up_with` and `down_with`",
                ),
            ],
        );
        let tuple = format!(r#"{TABLE} struct V(#[migrate(rename_from = "b")] Vec<u8>);"#);
        assert_one(
            model(&tuple),
            "Vec<u8>",
            "#[diesel(column_name = my_column)]",
        );
        let tuple =
            format!(r#"{TABLE} struct V(#[diesel(embed)] #[migrate(rename_from = "b")] A);"#);
        assert_one(model(&tuple), "embed", "an embedded struct is not a column");
    }
}

#[test]
fn all_errors_come_at_once() {
    let source = r#"
        #[migrate(generation = 0, id = "", colour = "red")]
        struct Version {
            #[migrate(rename_from = "nr")]
            id: i32,
            #[migrate(rename_form = "checksum", retype_from = Text, up = "decode(checksum, 'hex'", via = 3)]
            tar_sha256: Vec<u8>,
        }"#;
    let found = model(source).expect_err("much is wrong");
    let places: Vec<&str> = found.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(
        places,
        [
            "colour",
            "Version",
            "rename_form",
            "3",
            "\"\"",
            "0",
            "id",
            "\"decode(checksum, 'hex'\""
        ],
        "{found:#?}"
    );
}

#[test]
fn a_refused_struct_still_says_what_fallbacks_need() {
    let source = r#"
        #[diesel(table_name = schema::versions)]
        #[migrate(crate = "ec", generation = 0)]
        struct Version<'a, T> { id: i32, #[migrate(rename_from = "")] a: &'a T }"#;
    let input = syn::parse_str(source).expect("a struct");
    let rejected = expand_contract_model::Model::parse(&input).expect_err("refused");
    assert_eq!(rejected.record.ident, "Version");
    assert_eq!(rejected.record.generics.params.len(), 2);
    assert_eq!(
        rejected.record.tables,
        [syn::parse_quote!(schema::versions)]
    );
    assert_eq!(rejected.record.krate, syn::parse_quote!(ec));
    assert_eq!(rejected.changed, ["a"]);
    let stand_in = rejected.stand_in.expect("the table is known");
    let [change] = stand_in.migration.changes.as_slice() else {
        panic!("{stand_in:#?}");
    };
    assert_eq!(change.column, "a");
    assert!(matches!(
        change.conversion,
        expand_contract_model::Conversion::Identity
    ));
}

#[test]
fn a_field_says_the_new_type_itself() {
    assert_one(
        field(
            "retype_from = Text, old_type = String, new_type = Vec<u8>, up_with = f, down_with = g",
        ),
        "new_type",
        "the Rust type of the new column is the field's",
    );
}

#[test]
fn foreign_keys_of_associations_stay() {
    let change = r#"id: i32, #[migrate(rename_from = "old")] blog_post_id: i32"#;
    for belongs_to in [
        "belongs_to(BlogPost)",
        "belongs_to(crate::models::BlogPost<'_>)",
        "belongs_to(Post, foreign_key = blog_post_id)",
        "belongs_to(User), belongs_to(BlogPost)",
    ] {
        assert_one(
            with(
                &format!("#[diesel(table_name = comments, {belongs_to})]"),
                change,
            ),
            "blog_post_id",
            "is the foreign key of a `belongs_to`",
        );
    }
    let other = "#[diesel(belongs_to(BlogPost, foreign_key = other_id), table_name = comments)]";
    assert!(with(other, change).is_ok());
}

mod carry {
    use super::*;
    use expand_contract_model::Part;

    #[test]
    fn what_it_says() {
        let migration = field(&format!(
            r#"rename_from = "checksum", retype_from = Text, {BOTH},
               carry("a" = "octet_length(tar_sha256) = 32",
                     "b"(postgres = "USING hash (TAR_SHA256) WITH (fillfactor = 70)")),
               drop("c", "d")"#
        ))
        .expect("it is right");
        let carry = &migration.changes[0].carry;
        let names: Vec<String> = carry.iter().map(|carried| carried.name.value()).collect();
        assert_eq!(names, ["a", "b", "c", "d"]);
        let first = carry[0].sql.as_ref().and_then(|sql| sql.any.as_ref());
        let parts = [
            Part::Sql("octet_length(".to_owned()),
            Part::Column,
            Part::Sql(") = 32".to_owned()),
        ];
        assert_eq!(first.map(|sql| sql.parts.as_slice()), Some(&parts[..]));
        let second = carry[1].sql.as_ref().expect("it is carried");
        assert!(second.any.is_none() && second.postgres.is_some());
        assert!(carry[2].sql.is_none() && carry[3].sql.is_none());
    }

    #[test]
    fn what_is_refused() {
        for (annotation, at, text) in [
            (
                r#"carry = "a""#,
                "=",
                "expected names of objects in parentheses",
            ),
            (
                r#"carry"#,
                "carry",
                "expected names of objects in parentheses",
            ),
            (
                r#"carry()"#,
                "carry",
                "expected names of objects in parentheses",
            ),
            (
                r#"carry("a")"#,
                "\"a\"",
                "expected names of objects in parentheses",
            ),
            (
                r#"carry(a = "b")"#,
                "a",
                "expected names of objects in parentheses",
            ),
            (r#"drop("a" = "b")"#, "=", "expected `,`"),
            (
                r#"drop(a)"#,
                "a",
                "expected names of objects in parentheses",
            ),
            (
                r#"carry("a"(mysql = "tar_sha256"))"#,
                "mysql",
                "unknown dialect",
            ),
            (r#"carry("" = "tar_sha256")"#, "\"\"", "name is empty"),
            (
                r#"carry("a" = "tar_sha256"), drop("a")"#,
                "\"a\"",
                "`a` is spoken of twice",
            ),
            (
                r#"carry("a" = "checksum <> ''")"#,
                "\"checksum <> ''\"",
                "`checksum` is the old column, which will be gone",
            ),
            (
                r#"carry("a" = "num <> ''")"#,
                "\"num <> ''\"",
                "the column `tar_sha256` is not in it",
            ),
            (
                r#"carry("a" = "tar_sha256 <> 'x")"#,
                "\"tar_sha256 <> 'x\"",
                "never ends",
            ),
        ] {
            assert_one(
                field(&format!(r#"rename_from = "checksum", {annotation}"#)),
                at,
                text,
            );
        }
    }
}

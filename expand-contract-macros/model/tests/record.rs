//! Structs as Diesel's derives read them.

mod support;

use expand_contract_model::{CheckForBackend, Use};
use quote::ToTokens;
use support::{assert_all, assert_one, record};

const EVERY: [Use; 3] = [Use::Insertable, Use::AsChangeset, Use::Selectable];

#[test]
fn all_that_diesel_knows_is_accepted() {
    for purpose in EVERY {
        let record = record(
            r#"
            #[diesel(table_name = crate::schema::users)]
            #[diesel(belongs_to(Team<A, B>, foreign_key = team_id), primary_key(id, team_id),)]
            #[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
            #[diesel(check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
            #[diesel(base_query = users::table.inner_join::<A, B>(teams::table), base_query_type = Query<A, B>)]
            #[diesel(postgres_type(name = "user", schema = "public"), sql_type = Foo<A, B>, aggregate, not_sized)]
            #[diesel(from_the_future = a::<B, C>(d), another(e, f))]
            pub struct NewUser<'a, T: Clone, const N: usize> where T: Copy {
                id: i32,
                pub name: Option<&'a str>,
                #[diesel(column_name = "type", treat_none_as_default_value = true, treat_none_as_null = false)]
                kind: std::option::Option<T>,
                #[diesel(embed)] #[serde(flatten)]
                address: Address,
                #[diesel(serialize_as = Wrapped<A, B>, deserialize_as = (A, B))]
                wrapped: String,
                #[diesel(skip_insertion, skip_update, sql_type = Text)]
                skipped: i32,
                #[diesel(select_expression = count(users::id).nullable(), select_expression_type = count<users::id>)]
                counted: [u8; N],
                r#match: i32,
            }"#,
            purpose,
        )
        .expect("valid");
        assert_eq!(
            record.table().to_token_stream().to_string(),
            "crate :: schema :: users"
        );
        assert_eq!(record.primary_key, ["id", "team_id"]);
        assert!(
            matches!(&record.check_for_backend, Some(CheckForBackend::Backends(two)) if two.len() == 2)
        );
        assert!(record.base_query.is_some() && record.base_query_type.is_some());
        assert_eq!(record.fields.len(), 8);

        let [id, name, kind, address, wrapped, skipped, counted, keyword] =
            record.fields.as_slice()
        else {
            panic!("{record:#?}");
        };
        assert!(
            !id.treat_none_as_default_value && id.treat_none_as_null && id.option_of().is_none()
        );
        assert_eq!(name.option_of().to_token_stream().to_string(), "& 'a str");
        assert!(
            kind.treat_none_as_default_value
                && !kind.treat_none_as_null
                && kind.option_of().is_some()
        );
        assert_eq!(kind.column.as_ref().expect("named"), "r#type");
        assert!(address.embed);
        assert!(wrapped.serialize_as.is_some() && wrapped.deserialize_as.is_some());
        assert!(skipped.skip_insertion && skipped.skip_update);
        assert!(counted.select_expression.is_some() && counted.select_expression_type.is_some());
        assert_eq!(keyword.column.as_ref().expect("named"), "r#match");

        assert_eq!(record.insert_fields().count(), 7);
        assert_eq!(record.changeset_fields().count(), 6);
    }
}

#[test]
fn defaults_are_diesels() {
    let record =
        record("struct FooBar { id: i32, a: Option<i32> }", Use::Insertable).expect("valid");
    assert_eq!(record.table().to_token_stream().to_string(), "foo_bars");
    assert_eq!(record.primary_key, ["id"]);
    assert!(record.fields[1].treat_none_as_default_value && !record.fields[1].treat_none_as_null);
    assert_eq!(
        record.krate.to_token_stream().to_string(),
        ":: expand_contract"
    );
}

#[test]
fn only_insertable_takes_several_tables() {
    let source = "#[diesel(table_name = users)] #[diesel(table_name = people)] struct User { id: i32, a: i32 }";
    assert_eq!(
        record(source, Use::Insertable).expect("valid").tables.len(),
        2
    );
    assert_one(
        record(source, Use::AsChangeset),
        "table_name",
        "expected a single `table_name`",
    );
    assert_one(
        record(source, Use::Selectable),
        "table_name",
        "expected a single `table_name`",
    );
}

#[test]
fn tuple_structs_name_columns_where_the_derive_needs_them() {
    for purpose in EVERY {
        let source = "#[diesel(table_name = users)] struct User(#[diesel(column_name = a)] i32, #[diesel(embed)] Address);";
        let record = record(source, purpose).expect("valid");
        assert!(!record.is_named);
        assert_eq!(record.fields[1].column, None);
    }
    let skipped = "#[diesel(table_name = users)] struct User(#[diesel(column_name = a)] i32, #[diesel(skip_insertion)] Vec<u8>);";
    assert!(record(skipped, Use::Insertable).is_ok());
    assert_one(
        record(skipped, Use::AsChangeset),
        "Vec<u8>",
        "#[diesel(column_name = my_column)]",
    );
}

#[test]
fn column_names_are_identifiers() {
    let column = |name: &str| {
        record(
            &format!("struct User {{ #[diesel(column_name = {name})] a: i32 }}"),
            Use::Insertable,
        )
    };
    let name_of = |name: &str| {
        column(name).expect("valid").fields[0]
            .column
            .to_token_stream()
            .to_string()
    };
    assert_eq!(name_of("b"), "b");
    assert_eq!(name_of("\"b\""), "b");
    assert_eq!(name_of("r#type"), "r#type");
    assert_eq!(name_of("type"), "r#type");
    assert_eq!(name_of("\"r#type\""), "r#type");
    assert_one(column("\"a b\""), "\"a b\"", "found `a b`");
    assert_one(column("\"self\""), "\"self\"", "found `self`");
    assert_one(column("3"), "3", "#[diesel(column_name = my_column)]");
}

#[test]
fn what_is_said_of_none_needs_an_option() {
    let source = "struct User { id: i32, #[diesel(treat_none_as_default_value = true, treat_none_as_null = true)] a: Vec<u8> }";
    assert_one(
        record(source, Use::Insertable),
        "Vec<u8>",
        "`treat_none_as_default_value` is about `None`",
    );
    assert_one(
        record(source, Use::AsChangeset),
        "Vec<u8>",
        "`treat_none_as_null` is about `None`",
    );
    assert!(record(source, Use::Selectable).is_ok());
}

#[test]
fn embed_stands_alone() {
    let source = "struct User { id: i32, #[diesel(embed, serialize_as = B, treat_none_as_null = true)] a: Option<A> }";
    assert_one(
        record(source, Use::Insertable),
        "embed",
        "`embed` and `serialize_as`",
    );
    assert_all(
        record(source, Use::AsChangeset),
        &[
            ("embed", "`embed` and `serialize_as`"),
            ("embed", "`embed` and `treat_none_as_null`"),
        ],
    );
    assert!(record(source, Use::Selectable).is_ok());
}

#[test]
fn a_changeset_writes_something() {
    let source = "#[diesel(primary_key(a, b))] struct Key { a: i32, b: i32 }";
    assert_one(
        record(source, Use::AsChangeset),
        "Key",
        "never changes the primary key",
    );
    assert!(record(source, Use::Insertable).is_ok());
}

#[test]
fn the_other_annotation_is_left_to_its_derive() {
    let source = r#"
        #[diesel(table_name = users)] #[migrate(crate = "ec", nonsense)]
        struct User { id: i32, #[migrate(nonsense)] a: i32 }"#;
    let record = record(source, Use::Insertable).expect("valid");
    assert_eq!(record.krate.to_token_stream().to_string(), "ec");
}

#[test]
fn old_style_and_wrong_values_are_refused() {
    assert_all(
        record(
            r#"#[table_name = "users"] #[primary_key(a)] struct User { #[column_name = "b"] a: i32 }"#,
            Use::Insertable,
        ),
        &[
            ("table_name = \"users\"", "#[diesel(table_name = my_table)]"),
            ("primary_key(a)", "#[diesel(primary_key(my_column))]"),
            ("column_name = \"b\"", "#[diesel(column_name = my_column)]"),
        ],
    );
    assert_one(
        record(
            "#[diesel(table_name)] struct User { a: i32 }",
            Use::Insertable,
        ),
        "table_name",
        "expected `=`",
    );
    assert_one(
        record(
            "#[diesel(treat_none_as_null = 1)] struct User { a: i32 }",
            Use::Insertable,
        ),
        "1",
        "treat_none_as_null = true",
    );
    assert_one(
        record(
            "#[diesel(primary_key = a)] struct User { a: i32 }",
            Use::Insertable,
        ),
        "primary_key",
        "primary_key(key1, key2)",
    );
    assert_one(
        record("struct User;", Use::Insertable),
        "User",
        "without fields",
    );
    let disabled = record(
        "#[diesel(check_for_backend(disable = true))] struct User { a: i32 }",
        Use::Selectable,
    );
    assert!(matches!(
        disabled.expect("valid").check_for_backend,
        Some(CheckForBackend::Disabled)
    ));
}

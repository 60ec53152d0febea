//! The expansions in hostile surroundings. That this compiles, and without a warning, is most of the test.
#![deny(
    warnings,
    missing_docs,
    unsafe_code,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::pedantic
)]

extern crate expand_contract as renamed;

use expand_contract::__private::Dialect;
use expand_contract::phase::{Phase, Stage};
use expand_contract::{Migration, Snapshot};

/// The schema, under Diesel's own conditions: `table!` expands to paths that begin with `diesel`.
pub mod schema {
    #[renamed::migrate(
        weight(rename_from = "mass", retype_from = Text, up = "CAST(mass AS INTEGER)", down = "CAST(weight AS TEXT)"),
        crate = "renamed"
    )]
    diesel::table! {
        /// A table.
        things (id) {
            /// A key.
            id -> Integer,
            /// A column.
            weight -> Integer,
        }
    }

    diesel::table! {
        /// A table.
        versions (id) {
            /// A key.
            id -> Integer,
            /// A keyword.
            r#type -> Nullable<Text>,
            /// A column.
            tar_sha256 -> Binary,
            /// A column.
            size -> Integer,
        }
    }
}

/// Modules of the names of all crates that the expansions could mean.
pub mod shadowed {
    #![allow(dead_code, unused_imports)]
    // a conversion takes what it converts, and gives a `Result`
    #![allow(clippy::needless_pass_by_value, clippy::unnecessary_wraps)]
    mod core {}
    mod std {}
    mod alloc {}
    mod diesel {}
    mod expand_contract {}
    use super::schema::versions;
    use ::std::string::String;
    use ::std::vec::Vec;

    fn parse(text: String) -> Result<i32, ::std::num::ParseIntError> {
        text.parse()
    }

    fn show(number: i32) -> Result<String, ::std::convert::Infallible> {
        Ok(::std::format!("{number}"))
    }

    #[derive(
        renamed::Insertable,
        renamed::AsChangeset,
        renamed::Selectable,
        renamed::Queryable,
        renamed::Migrate,
    )]
    #[diesel(table_name = versions)]
    #[migrate(crate = "renamed", id = "hygiene/shadowed")]
    struct Version {
        id: i32,
        #[migrate(rename_from = "kind")]
        r#type: Option<String>,
        #[migrate(rename_from = "checksum", retype_from = Text,
                  up = "unhex(checksum)", down = "hex(tar_sha256)")]
        tar_sha256: Vec<u8>,
        #[migrate(rename_from = "length", retype_from = Text, old_type = String,
                  up_with = parse, down_with = show)]
        size: i32,
    }
}

mod without_prelude {
    #![no_implicit_prelude]
    #![allow(dead_code)]
    use super::schema::things;
    use ::expand_contract::{AsChangeset, HasQuery, Insertable};
    use ::std::option::Option;

    #[derive(Insertable, AsChangeset, HasQuery)]
    #[diesel(table_name = things)]
    struct Thing<'a> {
        id: i32,
        #[diesel(serialize_as = i32, deserialize_as = i32)]
        weight: i32,
        #[diesel(skip_insertion, skip_update)]
        #[diesel(select_expression = things::id)]
        #[diesel(select_expression_type = things::id)]
        other: i32,
        #[diesel(skip_insertion, skip_update)]
        #[diesel(select_expression = ::diesel::dsl::sql::<::diesel::sql_types::Text>("''"))]
        #[diesel(select_expression_type = ::diesel::expression::SqlLiteral<::diesel::sql_types::Text>)]
        #[diesel(deserialize_as = ::std::string::String)]
        text: ::std::borrow::Cow<'a, str>,
    }

    #[derive(Insertable, AsChangeset)]
    #[diesel(table_name = things)]
    struct Lighter<'a> {
        weight: Option<&'a i32>,
    }
}

mod names_of_the_prelude {
    #![allow(dead_code, non_camel_case_types)]
    use super::schema::things;
    use expand_contract::{AsChangeset, Insertable, Queryable, Selectable};

    struct Option;
    struct Some;
    struct None;
    struct Vec;
    struct Result;
    struct Ok;
    struct String;
    struct Box;
    struct Default;
    struct Into;
    struct Text;
    struct Integer;
    struct table;
    trait Clone {}
    trait Send {}

    #[derive(Insertable, AsChangeset, Selectable, Queryable)]
    #[diesel(table_name = things)]
    struct Thing {
        id: i32,
        weight: i32,
    }

    #[derive(Insertable, AsChangeset)]
    #[diesel(table_name = things)]
    struct Lighter {
        weight: std::option::Option<i32>,
    }

    pub(super) mod migrated {
        #![allow(unused_imports)]
        use super::{Integer, Option, Result, Some, String, Text, Vec};

        diesel::table! {
            accounts (id) {
                id -> Integer,
                name -> Text,
                size -> BigInt,
            }
        }

        #[derive(expand_contract::Migrate)]
        #[diesel(table_name = accounts)]
        pub(crate) struct Account {
            id: i32,
            // Diesel's `Text`, as in the table, and not the struct of that name
            #[migrate(rename_from = "title", retype_from = Nullable<Text>, up = "title", down = "name")]
            name: std::string::String,
            #[migrate(retype_from = Integer, up = "size", down = "size", lossless)]
            size: i64,
        }
    }
}

/// What a user's documented library shows to its users.
pub mod documented {
    /// Tables.
    pub mod schema {
        diesel::table! {
            /// A table.
            accounts (id) {
                /// A key.
                id -> Integer,
                /// A column.
                name -> Text,
            }
        }
    }

    use schema::accounts;

    /// A model.
    #[derive(
        Debug,
        Clone,
        diesel::Queryable,
        expand_contract::Selectable,
        expand_contract::Insertable,
        expand_contract::AsChangeset,
        expand_contract::Migrate,
    )]
    #[diesel(table_name = accounts)]
    pub struct Account {
        /// A key.
        pub id: i32,
        /// A column.
        #[migrate(rename_from = "title")]
        pub name: String,
    }
}

/// A model that only part of the crate sees.
pub mod restricted {
    use super::documented::schema::accounts;

    #[derive(expand_contract::Insertable, expand_contract::AsChangeset)]
    #[diesel(table_name = accounts)]
    pub(in crate::restricted) struct NewAccount<'name, T: 'name> {
        pub(super) name: &'name T,
    }

    #[derive(expand_contract::Insertable)]
    #[diesel(table_name = accounts)]
    pub(crate) struct Tuple(
        #[diesel(column_name = id)] pub(super) i32,
        #[diesel(column_name = name)] pub(crate) String,
    );

    /// Uses what is not seen elsewhere.
    #[must_use]
    pub fn texts() -> [String; 2] {
        use diesel::debug_query;
        use diesel::sqlite::Sqlite;
        let name = String::from("a");
        let borrowed = diesel::insert_into(accounts::table).values(NewAccount { name: &name });
        let tuple = diesel::insert_into(accounts::table).values(Tuple(1, name.clone()));
        [
            debug_query::<Sqlite, _>(&borrowed).to_string(),
            debug_query::<Sqlite, _>(&tuple).to_string(),
        ]
    }
}

/// Everything within a function.
#[test]
fn in_a_function() {
    use expand_contract::prelude::*;

    diesel::table! {
        local (id) {
            id -> Integer,
            name -> Text,
        }
    }

    #[derive(Debug, Queryable, Selectable, Insertable, AsChangeset, Migrate)]
    #[diesel(table_name = local)]
    #[migrate(repository = false)]
    struct Local {
        id: i32,
        #[migrate(rename_from = "title")]
        name: String,
    }

    let local = Local {
        id: 1,
        name: "a".to_owned(),
    };
    let query = local::table
        .filter(Local::name.eq(&local.name))
        .filter(local::id.eq(local.id))
        .select(Local::as_select());
    let sql = original::<local::table>()
        .scope(|| diesel::debug_query::<diesel::sqlite::Sqlite, _>(&query).to_string());
    assert!(sql.contains("`local`.`title` = ?"), "{sql}");
    let _: Migration<local::table> = Local::migration();
}

#[test]
fn in_modules() {
    let [borrowed, tuple] =
        original::<documented::schema::accounts::table>().scope(restricted::texts);
    assert!(borrowed.contains("(`title`)"), "{borrowed}");
    assert!(tuple.contains("(`id`, `title`)"), "{tuple}");
    let _ = names_of_the_prelude::migrated::Account::migration();
    let _ = schema::things::migration();
    let _ = documented::Account::migration();
}

fn original<T: expand_contract::__private::Migrate>() -> Snapshot {
    Snapshot::new(
        T::cell(),
        Stage::first(Phase::Original),
        Dialect::Sqlite,
        Vec::new(),
    )
}

//! The expansions as Rust that can be read: a change of one is a change of a file in `snapshots`.
//!
//! After a wanted change: `INSTA_UPDATE=always cargo test -p expand-contract-macros`, and read the difference.

use expand_contract_model::{Model, Record, TableMigration, Use};
use proc_macro2::TokenStream;
use quote::quote;
use syn::parse_quote;

/// Without what is the same for every input, so that a snapshot shows what is particular to its.
fn pretty(tokens: TokenStream) -> String {
    let file = syn::parse2(tokens).expect("an expansion is a list of items");
    prettyplease::unparse(&file)
        .replace("::expand_contract::__private::diesel::", "diesel::")
        .replace("::expand_contract::__private::", "private::")
        .replace("::core::option::Option::", "")
        .lines()
        .filter(|line| line.trim() != "#[automatically_derived]")
        .flat_map(|line| [line, "\n"])
        .collect()
}

/// Compares with the snapshot of the test's name.
macro_rules! assert_expansion {
    ($expansion:expr) => {{
        let mut settings = insta::Settings::clone_current();
        settings.set_omit_expression(true);
        settings.set_prepend_module_to_snapshot(false);
        settings.bind(|| insta::assert_snapshot!($expansion));
    }};
}

fn model(input: syn::DeriveInput) -> String {
    let model = Model::parse(&input).unwrap_or_else(|rejected| panic!("{}", rejected.error));
    pretty(super::model(&model))
}

fn record(input: syn::DeriveInput, purpose: Use, expand: fn(&Record) -> TokenStream) -> String {
    let record =
        Record::parse(&input, purpose).unwrap_or_else(|rejected| panic!("{}", rejected.error));
    pretty(expand(&record))
}

#[test]
fn rename() {
    assert_expansion!(model(parse_quote! {
        #[diesel(table_name = versions)]
        pub struct Version {
            id: i32,
            #[migrate(rename_from = "checksum")]
            tar_sha256: String,
        }
    }));
}

#[test]
fn rename_in_place() {
    assert_expansion!(model(parse_quote! {
        #[diesel(table_name = versions)]
        #[migrate(repository = false)]
        pub struct Version {
            id: i32,
            #[migrate(rename_from = "checksum", strategy = in_place)]
            tar_sha256: String,
        }
    }));
}

#[test]
fn retype_by_sql() {
    assert_expansion!(model(parse_quote! {
        #[diesel(table_name = schema::versions)]
        #[migrate(repository = false)]
        struct Version<'a> {
            id: i32,
            #[migrate(rename_from = "checksum", retype_from = Text,
                      up(postgres = "decode(checksum, 'hex')", sqlite = "unhex(checksum)"),
                      down(postgres = "encode(tar_sha256, 'hex')", sqlite = "lower(hex(tar_sha256))"),
                      sql_type(postgres = "bytea"), lossless)]
            tar_sha256: &'a [u8],
        }
    }));
}

#[test]
fn retype_by_rust() {
    assert_expansion!(model(parse_quote! {
        #[diesel(table_name = versions)]
        #[migrate(repository = false)]
        struct Version {
            id: i32,
            #[migrate(retype_from = Nullable<Text>, old_type = Option<String>, up_with = hex::decode, down_with = show)]
            tar_sha256: Option<Vec<u8>>,
            #[migrate(rename_from = "length", retype_from = Text, old_type = String)]
            size: Bytes,
        }
    }));
}

#[test]
fn table_form() {
    let args = quote!(
        tar_sha256(rename_from = "checksum"),
        size(
            rename_from = "length",
            retype_from = Text,
            old_type = String,
            new_type = Bytes
        )
    );
    let item = quote! {
        diesel::table! {
            use diesel::sql_types::*;
            /// The versions.
            versions (id) {
                id -> Integer,
                tar_sha256 -> Text,
                size -> BigInt,
            }
        }
    };
    let table =
        TableMigration::parse(args, item).unwrap_or_else(|rejected| panic!("{}", rejected.error));
    assert_expansion!(pretty(super::table(&table)));
}

#[test]
fn module_of_a_table() {
    let args = quote!(::expand_contract; tar_sha256: false, size: true);
    // as much of Diesel's expansion as matters
    let module = quote! {
        pub mod versions {
            pub use self::columns::*;
            pub mod dsl {
                pub use super::columns::id;
                pub use super::columns::tar_sha256;
                pub use super::columns::size;
                pub use super::table as versions;
            }
            pub const all_columns: (id, tar_sha256, size) = (id, tar_sha256, size);
            pub type SqlType = (Integer, Text, BigInt);
            pub mod columns {}
        }
    };
    let module = super::shadow::module(args, module).expect("the shape of a table");
    assert_expansion!(pretty(module));
}

#[test]
fn module_of_an_unknown_shape() {
    let args = quote!(::expand_contract; tar_sha256: false);
    let error = super::shadow::module(
        args,
        quote!(
            pub mod versions {}
        ),
    )
    .expect_err("unknown");
    assert!(
        error.to_string().contains("this version of Diesel"),
        "{error}"
    );
}

#[test]
fn insertable() {
    let input = parse_quote! {
        #[diesel(table_name = versions)]
        struct NewVersion<'a> {
            num: &'a str,
            tar_sha256: Option<Vec<u8>>,
            #[diesel(embed)]
            size: Size,
            #[diesel(skip_insertion)]
            other: i32,
        }
    };
    assert_expansion!(record(input, Use::Insertable, super::insertable));
}

#[test]
fn insertable_serialize_as() {
    let input = parse_quote! {
        #[diesel(table_name = versions, treat_none_as_default_value = false)]
        struct NewVersion<T> {
            #[diesel(serialize_as = Hex)]
            num: String,
            tar_sha256: Option<T>,
        }
    };
    assert_expansion!(record(input, Use::Insertable, super::insertable));
}

#[test]
fn as_changeset() {
    let input = parse_quote! {
        #[diesel(table_name = versions)]
        struct Changes {
            id: i32,
            num: Option<String>,
            #[diesel(treat_none_as_null = true)]
            tar_sha256: Option<Vec<u8>>,
        }
    };
    assert_expansion!(record(input, Use::AsChangeset, super::as_changeset));
}

#[test]
fn selectable() {
    let input = parse_quote! {
        #[diesel(table_name = versions)]
        #[diesel(check_for_backend(diesel::pg::Pg))]
        struct Version(
            #[diesel(column_name = num)] String,
            #[diesel(embed)] Size,
            #[diesel(select_expression = versions::num.is_null())] bool,
        );
    };
    assert_expansion!(record(input, Use::Selectable, super::selectable));
}

#[test]
fn queryable() {
    let input = parse_quote! {
        #[diesel(table_name = versions)]
        struct Version {
            tar_sha256: Vec<u8>,
            #[diesel(deserialize_as = Hex)]
            num: String,
            #[diesel(embed)]
            size: Size,
        }
    };
    assert_expansion!(record(input, Use::Selectable, super::queryable));
}

#[test]
fn has_query() {
    let input = parse_quote! {
        #[diesel(table_name = versions)]
        #[diesel(base_query = versions::table.order(versions::num))]
        struct Version {
            num: String,
        }
    };
    let read = |record: &Record| super::has_query::base_query(record);
    assert_expansion!(record(input, Use::Selectable, read));
}

/// What stands in for a refused annotation, next to the error.
#[test]
fn fallback() {
    let input = parse_quote! {
        #[diesel(table_name = versions)]
        #[migrate(repository = false)]
        struct Version {
            id: i32,
            #[migrate(rename_form = "checksum")]
            tar_sha256: Vec<u8>,
        }
    };
    let rejected = Model::parse(&input).expect_err("a slip of the pen");
    assert_expansion!(pretty(super::fallback::model(&rejected)));
}

//! Annotations that a `macro_rules!` wrote: its fragments arrive in invisible groups.

use expand_contract_model::{Model, Record, Repository, Use};
use proc_macro2::{Delimiter, Group, TokenStream};
use quote::quote;

/// As `$fragment:ty`, `$fragment:path`, `$fragment:literal` … arrive.
fn fragment(tokens: TokenStream) -> Group {
    Group::new(Delimiter::None, tokens)
}

#[test]
fn in_a_model() {
    let table = fragment(quote!(schema::versions));
    let old = fragment(quote!("checksum"));
    let [old_sql, old_type, field_type] = [
        quote!(Nullable<Text>),
        quote!(Option<String>),
        quote!(Option<Vec<u8>>),
    ]
    .map(fragment);
    let [up, down] = [quote!(hex::decode), quote!(hex::encode)].map(fragment);
    let generation = fragment(quote!(2));
    let repository = fragment(quote!("Versions"));
    let model = Model::parse(&syn::parse_quote! {
        #[diesel(table_name = #table)]
        #[migrate(generation = #generation, repository = #repository, crate = #up)]
        struct Version {
            id: i32,
            #[migrate(rename_from = #old, retype_from = #old_sql, old_type = #old_type, up_with = #up, down_with = #down)]
            tar_sha256: #field_type,
        }
    })
    .unwrap_or_else(|rejected| panic!("{:?}", rejected.error));
    assert_eq!(model.migration.id, "versions/tar_sha256");
    assert_eq!(model.migration.generation, 2);
    assert_eq!(
        model.migration.changes[0]
            .old_name
            .as_ref()
            .map(syn::LitStr::value)
            .as_deref(),
        Some("checksum")
    );
    assert!(matches!(model.repository, Repository::Named(_)));
    assert!(model.record.fields[1].option_of().is_some());
}

#[test]
fn in_a_record() {
    let table = fragment(quote!(schema::users));
    let column = fragment(quote!(name));
    let on = fragment(quote!(false));
    let ty = fragment(quote!(Cow<'static, str>));
    let record = Record::parse(
        &syn::parse_quote! {
            #[diesel(table_name = #table, treat_none_as_default_value = #on)]
            struct User(#[diesel(column_name = #column, serialize_as = #ty)] i32);
        },
        Use::Insertable,
    )
    .unwrap_or_else(|rejected| panic!("{:?}", rejected.error));
    assert_eq!(
        record.fields[0]
            .column
            .as_ref()
            .map(ToString::to_string)
            .as_deref(),
        Some("name")
    );
    assert!(!record.fields[0].treat_none_as_default_value);
}

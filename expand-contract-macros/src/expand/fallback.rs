//! What stands in for a macro that refused its input, so that the only errors are those about the annotation.
//!
//! Code that uses what the macro would have made type-checks against real impls of the same traits: the migration of the
//! same columns that leaves everything as it is, and values that write or read nothing.

use expand_contract_model::{Rejected, TableRejected, Use};
use proc_macro2::TokenStream;
use quote::quote;
use syn::parse_quote;

use super::field::extended;

/// The errors, and a migration that changes nothing.
pub(crate) fn model(rejected: &Rejected) -> TokenStream {
    let error = rejected.error.to_compile_error();
    let record = &rejected.record;
    let private = super::private(&record.krate);
    let ident = &record.ident;
    let vis = &record.vis;
    let (impl_generics, ty_generics, where_clause) = record.generics.split_for_impl();
    let stand_in = rejected.stand_in.as_deref();
    let is_covered = |column: &syn::Ident| {
        stand_in.is_some_and(|model| model.migration.change_of(column).is_some())
    };
    let mut lost: Vec<_> = rejected
        .changed
        .iter()
        .filter(|column| !is_covered(column))
        .collect();
    lost.dedup();
    let constants = quote! {
        #(
            #[doc(hidden)]
            #[allow(non_upper_case_globals, dead_code)]
            #vis const #lost: #private::Rejected = #private::Rejected;
        )*
    };
    let (model, migration) = match stand_in {
        Some(model) => (Some(super::model(model)), None),
        None => (
            None,
            Some(quote! {
                #[doc(hidden)]
                #[allow(dead_code)]
                #vis fn migration() -> #private::Migration<#private::rejected::table> {
                    <#private::rejected::table as #private::Migrate>::migration()
                }
            }),
        ),
    };
    quote! {
        #error

        #model

        #[automatically_derived]
        impl #impl_generics #ident #ty_generics #where_clause {
            #constants
            #migration
        }
    }
}

/// The errors, and the table with a migration that changes nothing; the item as it was if it is no table.
pub(crate) fn table(rejected: &TableRejected) -> TokenStream {
    let error = rejected.error.to_compile_error();
    let item = match &rejected.stand_in {
        Some(table) => super::table(table),
        None => rejected.item.clone(),
    };
    quote! {
        #error
        #item
    }
}

/// The errors, and an impl of the trait.
pub(crate) fn record(rejected: &Rejected, purpose: Use) -> TokenStream {
    let error = rejected.error.to_compile_error();
    let impls = match purpose {
        Use::Insertable => insertable(rejected),
        Use::AsChangeset => as_changeset(rejected),
        Use::Selectable => selectable(rejected),
        Use::Migrate => TokenStream::new(),
    };
    quote! {
        #error
        #impls
    }
}

/// The errors, and `Queryable` of the fields as they are.
pub(crate) fn queryable(rejected: &Rejected) -> TokenStream {
    let error = rejected.error.to_compile_error();
    let queryable =
        (!rejected.record.fields.is_empty()).then(|| super::queryable(&rejected.record));
    quote! {
        #error
        #queryable
    }
}

/// The errors, and all that `HasQuery` is made of.
pub(crate) fn has_query(rejected: &Rejected) -> TokenStream {
    let error = rejected.error.to_compile_error();
    let selectable = selectable(rejected);
    let queryable =
        (!rejected.record.fields.is_empty()).then(|| super::queryable(&rejected.record));
    let base_query = super::has_query::base_query(&rejected.record);
    quote! {
        #error
        #selectable
        #queryable
        #base_query
    }
}

/// Inserts one value into a column that is in no database.
fn insertable(rejected: &Rejected) -> TokenStream {
    let record = &rejected.record;
    let private = super::private(&record.krate);
    let diesel = quote!(#private::diesel);
    let ident = &record.ident;
    let (impl_generics, ty_generics, where_clause) = record.generics.split_for_impl();
    let borrowed = extended(record, Some(parse_quote!('insert)), Vec::new());
    let (borrowed_generics, ..) = borrowed.split_for_impl();
    let each = record.tables.iter().map(|table| {
        let table = quote!(#table::table);
        let values = quote! {
            type Values = <#private::RejectedValue<#table> as #diesel::insertable::Insertable<#table>>::Values;

            fn values(self) -> Self::Values {
                #diesel::insertable::Insertable::<#table>::values(#private::rejected_value::<#table>())
            }
        };
        quote! {
            #[automatically_derived]
            impl #impl_generics #diesel::insertable::Insertable<#table> for #ident #ty_generics #where_clause {
                #values
            }

            #[automatically_derived]
            impl #borrowed_generics #diesel::insertable::Insertable<#table> for &'insert #ident #ty_generics #where_clause {
                #values
            }

            #[automatically_derived]
            impl #impl_generics #diesel::internal::derives::insertable::UndecoratedInsertRecord<#table>
                for #ident #ty_generics #where_clause {}
        }
    });
    quote!(#(#each)*)
}

/// Assigns to a column that is in no database.
fn as_changeset(rejected: &Rejected) -> TokenStream {
    let record = &rejected.record;
    let private = super::private(&record.krate);
    let diesel = quote!(#private::diesel);
    let ident = &record.ident;
    let table = record.table();
    let table = quote!(#table::table);
    let (impl_generics, ty_generics, where_clause) = record.generics.split_for_impl();
    let borrowed = extended(record, Some(parse_quote!('update)), Vec::new());
    let (borrowed_generics, ..) = borrowed.split_for_impl();
    let changeset = quote! {
        type Target = #table;
        type Changeset = <#private::RejectedValue<#table> as #diesel::query_builder::AsChangeset>::Changeset;

        fn as_changeset(self) -> Self::Changeset {
            #diesel::query_builder::AsChangeset::as_changeset(#private::rejected_value::<#table>())
        }
    };
    quote! {
        #[automatically_derived]
        impl #impl_generics #diesel::query_builder::AsChangeset for #ident #ty_generics #where_clause {
            #changeset
        }

        #[automatically_derived]
        impl #borrowed_generics #diesel::query_builder::AsChangeset for &'update #ident #ty_generics #where_clause {
            #changeset
        }
    }
}

/// Selects a number, of which no struct is ever made: the code does not compile.
fn selectable(rejected: &Rejected) -> TokenStream {
    let record = &rejected.record;
    let private = super::private(&record.krate);
    let diesel = quote!(#private::diesel);
    let ident = &record.ident;
    let (_, ty_generics, _) = record.generics.split_for_impl();
    let generics = extended(
        record,
        Some(parse_quote!(__DB: #diesel::backend::Backend)),
        Vec::new(),
    );
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let bound = parse_quote!(i32: #diesel::deserialize::FromSql<#diesel::sql_types::Integer, __DB>);
    let readable = extended(
        record,
        Some(parse_quote!(__DB: #diesel::backend::Backend)),
        vec![bound],
    );
    let (_, _, readable_where) = readable.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #impl_generics #diesel::expression::Selectable<__DB> for #ident #ty_generics #where_clause {
            type SelectExpression = #private::RejectedSelection;

            fn construct_selection() -> Self::SelectExpression {
                #private::RejectedSelection
            }
        }

        #[automatically_derived]
        impl #impl_generics #diesel::deserialize::Queryable<#diesel::sql_types::Integer, __DB>
            for #ident #ty_generics #readable_where
        {
            type Row = i32;

            fn build(_: i32) -> #diesel::deserialize::Result<Self> {
                ::core::result::Result::Err(#private::Box::from("the annotation was refused"))
            }
        }
    }
}

//! The macros of expand-contract; use them through the crate `expand-contract`, which documents them.
//!
//! Each is parse → check (both in `expand-contract-model`) → expand.
#![forbid(unsafe_code)]

mod expand;

use expand_contract_model::{Model, Record, TableMigration, Use};
use proc_macro::TokenStream;
use syn::{parse_macro_input, DeriveInput};

/// See `expand_contract::Migrate`.
#[proc_macro_derive(
    Migrate,
    attributes(
        migrate,
        diesel,
        table_name,
        column_name,
        primary_key,
        changeset_options
    )
)]
pub fn migrate_model(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    match Model::parse(&input) {
        Ok(model) => expand::model(&model),
        Err(rejected) => expand::fallback::model(&rejected),
    }
    .into()
}

/// See `expand_contract::migrate`.
#[proc_macro_attribute]
pub fn migrate(args: TokenStream, item: TokenStream) -> TokenStream {
    match TableMigration::parse(args.into(), item.into()) {
        Ok(table) => expand::table(&table),
        Err(rejected) => expand::fallback::table(&rejected),
    }
    .into()
}

/// What [`macro@migrate`] puts on the module that `diesel::table!` makes; not public API.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn __phase_columns(args: TokenStream, module: TokenStream) -> TokenStream {
    expand::shadow::module(args.into(), module.into())
        .unwrap_or_else(|error| error.into_compile_error())
        .into()
}

/// See `expand_contract::Insertable`.
#[proc_macro_derive(
    Insertable,
    attributes(
        migrate,
        diesel,
        table_name,
        column_name,
        primary_key,
        changeset_options
    )
)]
pub fn insertable(input: TokenStream) -> TokenStream {
    record(input, Use::Insertable, expand::insertable)
}

/// See `expand_contract::AsChangeset`.
#[proc_macro_derive(
    AsChangeset,
    attributes(
        migrate,
        diesel,
        table_name,
        column_name,
        primary_key,
        changeset_options
    )
)]
pub fn as_changeset(input: TokenStream) -> TokenStream {
    record(input, Use::AsChangeset, expand::as_changeset)
}

/// See `expand_contract::Selectable`.
#[proc_macro_derive(
    Selectable,
    attributes(
        migrate,
        diesel,
        table_name,
        column_name,
        primary_key,
        changeset_options
    )
)]
pub fn selectable(input: TokenStream) -> TokenStream {
    record(input, Use::Selectable, expand::selectable)
}

/// See `expand_contract::Queryable`.
#[proc_macro_derive(
    Queryable,
    attributes(
        migrate,
        diesel,
        table_name,
        column_name,
        primary_key,
        changeset_options
    )
)]
pub fn queryable(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    match Record::parse(&input, Use::Selectable) {
        Ok(record) => expand::queryable(&record),
        Err(rejected) => expand::fallback::queryable(&rejected),
    }
    .into()
}

/// See `expand_contract::HasQuery`.
#[proc_macro_derive(
    HasQuery,
    attributes(
        migrate,
        diesel,
        table_name,
        column_name,
        primary_key,
        changeset_options
    )
)]
pub fn has_query(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    match Record::parse(&input, Use::Selectable) {
        Ok(record) => expand::has_query(&record),
        Err(rejected) => expand::fallback::has_query(&rejected),
    }
    .into()
}

fn record(
    input: TokenStream,
    purpose: Use,
    expand: fn(&Record) -> proc_macro2::TokenStream,
) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    match Record::parse(&input, purpose) {
        Ok(record) => expand(&record),
        Err(rejected) => expand::fallback::record(&rejected, purpose),
    }
    .into()
}

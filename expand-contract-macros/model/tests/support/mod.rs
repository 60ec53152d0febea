//! Parses sources and says what the errors point at.
#![allow(dead_code)] // Each test file uses its part.

use expand_contract_model::{Migration, Model, Record, TableMigration, Use};
use syn::DeriveInput;

/// What an error points at, and its text.
pub(crate) type Found = (String, String);

pub(crate) fn found(error: syn::Error) -> Vec<Found> {
    error
        .into_iter()
        .map(|error| {
            (
                error.span().source_text().unwrap_or_default(),
                error.to_string(),
            )
        })
        .collect()
}

pub(crate) fn model(source: &str) -> Result<Model, Vec<Found>> {
    let input: DeriveInput = syn::parse_str(source).expect("a struct");
    Model::parse(&input).map_err(|rejected| found(rejected.error))
}

pub(crate) fn record(source: &str, purpose: Use) -> Result<Record, Vec<Found>> {
    let input: DeriveInput = syn::parse_str(source).expect("a struct");
    Record::parse(&input, purpose).map_err(|rejected| found(rejected.error))
}

/// From the attribute and the macro below it.
pub(crate) fn table(source: &str) -> Result<TableMigration, Vec<Found>> {
    let (args, item) = split(source);
    TableMigration::parse(args, item).map_err(|rejected| found(rejected.error))
}

pub(crate) fn split(source: &str) -> (proc_macro2::TokenStream, proc_macro2::TokenStream) {
    let mut tokens = source
        .parse::<proc_macro2::TokenStream>()
        .expect("tokens")
        .into_iter();
    tokens.next();
    let Some(proc_macro2::TokenTree::Group(attribute)) = tokens.next() else {
        panic!("no attribute");
    };
    let meta: syn::MetaList =
        syn::parse2(attribute.stream()).expect("an attribute with parentheses");
    (meta.tokens, tokens.collect())
}

/// The migration of a struct with one annotated field next to `id` and `num`.
pub(crate) fn field(annotation: &str) -> Result<Migration, Vec<Found>> {
    let source = format!(
        "#[diesel(table_name = versions)] struct Version {{ id: i32, num: String, #[migrate({annotation})] tar_sha256: Vec<u8> }}"
    );
    model(&source).map(|model| model.migration)
}

/// Asserts that there is exactly this error.
#[track_caller]
pub(crate) fn assert_one<T: std::fmt::Debug>(result: Result<T, Vec<Found>>, at: &str, text: &str) {
    let found = result.expect_err("an error was expected");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].0, at, "{found:#?}");
    assert!(found[0].1.contains(text), "{found:#?}");
}

/// Asserts that these errors, and no others, are found in this order.
#[track_caller]
pub(crate) fn assert_all<T: std::fmt::Debug>(
    result: Result<T, Vec<Found>>,
    expected: &[(&str, &str)],
) {
    let found = result.expect_err("errors were expected");
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, (at, text)) in found.iter().zip(expected) {
        assert_eq!(found.0, *at, "{found:#?}");
        assert!(found.1.contains(text), "{found:#?}");
    }
}

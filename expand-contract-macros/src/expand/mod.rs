//! From the checked model to tokens.
//!
//! The code is thin: `const _`, absolute paths, calls into `expand_contract::__private`. No `cfg!(feature)`: what
//! depends on a backend is decided by traits in the core crate.

mod as_changeset;
pub(crate) mod fallback;
mod field;
mod has_query;
mod insertable;
mod migrate;
mod queryable;
mod repository;
mod selectable;
pub(crate) mod shadow;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use as_changeset::as_changeset;
pub(crate) use has_query::has_query;
pub(crate) use insertable::insertable;
pub(crate) use migrate::model;
pub(crate) use queryable::queryable;
pub(crate) use selectable::selectable;
pub(crate) use table::table;

use dsl_auto_type::auto_type::expression_type_inference::InferrerSettings;
use dsl_auto_type::Case;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{parse_quote, Path};

/// The core crate's module for expansions.
fn private(krate: &Path) -> TokenStream {
    quote!(#krate::__private)
}

/// The code in a scope of its own.
fn scoped(content: TokenStream) -> TokenStream {
    quote! {
        #[allow(unused_imports, unused_qualifications, clippy::all, clippy::pedantic)]
        const _: () = {
            #content
        };
    }
}

/// How Diesel's derives infer the type of an expression.
fn inference() -> InferrerSettings {
    InferrerSettings::builder()
        .dsl_path(parse_quote!(diesel::dsl))
        .function_types_case(Case::DoNotChange)
        .method_types_case(Case::UpperCamel)
        .build()
}

/// What is said of a changed column wherever it gets a name.
fn doc_of_column(column: &syn::Ident) -> String {
    let column = expand_contract_model::names::text(column);
    format!("The column `{column}`, by the name that is in force.")
}

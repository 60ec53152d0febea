//! From the checked model to tokens.
//!
//! The code is thin: `const _`, absolute paths, calls into `expand_contract::__private`. No `cfg!(feature)`: what
//! depends on a backend is decided by traits in the core crate.

mod as_changeset;
pub(crate) mod fallback;
mod field;
mod insertable;
mod migrate;
mod queryable;
mod repository;
mod selectable;
pub(crate) mod shadow;
mod table;

pub(crate) use as_changeset::as_changeset;
pub(crate) use insertable::insertable;
pub(crate) use migrate::model;
pub(crate) use queryable::queryable;
pub(crate) use selectable::selectable;
pub(crate) use table::table;

use proc_macro2::TokenStream;
use quote::quote;
use syn::Path;

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

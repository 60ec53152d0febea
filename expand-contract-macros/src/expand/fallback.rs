//! What stands in for a derive that failed, so that the only errors are those about the annotation.

use expand_contract_model::{Rejected, TableRejected, Use};
use proc_macro2::TokenStream;
use quote::quote;
use syn::parse_quote;

/// The errors, and a migration that changes nothing.
pub(crate) fn model(rejected: &Rejected) -> TokenStream {
    let error = rejected.error.to_compile_error();
    let krate = &rejected.krate;
    let private = super::private(krate);
    let ident = &rejected.ident;
    let (impl_generics, ty_generics, where_clause) = rejected.generics.split_for_impl();
    let columns = rejected.changed.iter().map(|column| {
        quote! {
            #[doc(hidden)]
            #[allow(non_upper_case_globals, dead_code)]
            pub const #column: #private::Rejected = #private::Rejected;
        }
    });
    quote! {
        #error

        #[automatically_derived]
        #[allow(dead_code)]
        impl #impl_generics #ident #ty_generics #where_clause {
            #(#columns)*

            #[doc(hidden)]
            pub fn migration() -> #private::Rejected {
                #private::Rejected
            }
        }
    }
}

/// The errors, and the table as it was.
pub(crate) fn table(rejected: &TableRejected) -> TokenStream {
    let error = rejected.error.to_compile_error();
    let item = &rejected.item;
    quote! {
        #error
        #item
    }
}

/// The errors, and an impl of the trait that says nothing.
pub(crate) fn record(rejected: &Rejected, purpose: Use) -> TokenStream {
    let error = rejected.error.to_compile_error();
    let private = super::private(&rejected.krate);
    let diesel = quote!(#private::diesel);
    let ident = &rejected.ident;
    let (impl_generics, ty_generics, where_clause) = rejected.generics.split_for_impl();
    let impls = match purpose {
        Use::Insertable => {
            let each = rejected.tables.iter().map(|table| {
                let mut with_lifetime = rejected.generics.clone();
                with_lifetime.params.insert(0, parse_quote!('insert));
                let (borrowed_generics, ..) = with_lifetime.split_for_impl();
                let values = quote! {
                    type Values = <#diesel::query_builder::DefaultValues as #diesel::insertable::Insertable<#table::table>>::Values;

                    fn values(self) -> Self::Values {
                        #diesel::insertable::Insertable::<#table::table>::values(#diesel::query_builder::DefaultValues)
                    }
                };
                quote! {
                    impl #impl_generics #diesel::insertable::Insertable<#table::table> for #ident #ty_generics #where_clause { #values }
                    impl #borrowed_generics #diesel::insertable::Insertable<#table::table> for &'insert #ident #ty_generics #where_clause { #values }
                }
            });
            quote!(#(#each)*)
        }
        // Without an impl, what uses it would be a second error, but there is no changeset or selection of no columns.
        Use::AsChangeset | Use::Selectable | Use::Migrate => TokenStream::new(),
    };
    quote! {
        #error
        #impls
    }
}

use dsl_auto_type::auto_type::expression_type_inference as inference;
use expand_contract_model::Record;
use proc_macro2::TokenStream;
use quote::quote;
use syn::parse_quote;

use super::field::extended;

/// `HasQuery`, and the `Selectable` and `Queryable` that it stands on.
pub(crate) fn has_query(record: &Record) -> TokenStream {
    let selectable = super::selectable(record);
    let queryable = super::queryable(record);
    let base_query = base_query(record);
    quote! {
        #selectable
        #queryable
        #base_query
    }
}

pub(super) fn base_query(record: &Record) -> TokenStream {
    let private = super::private(&record.krate);
    let diesel = quote!(#private::diesel);
    let table = record.table();
    let generics = extended(
        record,
        Some(parse_quote!(__DB: #diesel::backend::Backend)),
        Vec::new(),
    );
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let (_, ty_generics, _) = record.generics.split_for_impl();
    let ident = &record.ident;
    let (ty, value, errors) = match (&record.base_query, &record.base_query_type) {
        (Some(query), Some(ty)) => (quote!(#ty), quote!(#query), Vec::new()),
        (Some(query), None) => {
            let (ty, errors) = inference::infer_expression_type(query, None, &super::inference());
            (quote!(#ty), quote!(#query), errors)
        }
        (None, _) => (
            quote!(<#table::table as #diesel::query_builder::AsQuery>::Query),
            quote!(#diesel::query_builder::AsQuery::as_query(#table::table)),
            Vec::new(),
        ),
    };
    let errors = errors.iter().map(|error| error.to_compile_error());
    super::scoped(quote! {
        #(#errors)*

        #[automatically_derived]
        impl #impl_generics #diesel::HasQuery<__DB> for #ident #ty_generics #where_clause {
            type BaseQuery = #ty;

            fn base_query() -> Self::BaseQuery {
                #value
            }
        }
    })
}

use expand_contract_model::TableMigration;
use proc_macro2::TokenStream;
use quote::{quote, ToTokens};
use syn::parse_quote;

use super::migrate::migration;

/// The table form: `diesel::table!` as it was, with an attribute on the module that it makes, and the migration.
pub(crate) fn table(table: &TableMigration) -> TokenStream {
    let krate = &table.migration.krate;
    let ident = &table.table.ident;
    let path = parse_quote!(#ident);
    let definition = migration(&table.migration, &path, &|change| {
        let column = &change.column;
        quote!(#ident::columns::#column)
    });
    let definition = super::scoped(definition);
    let columns = table.migration.changes.iter().map(|change| {
        let column = &change.column;
        let converted = matches!(
            change.conversion,
            expand_contract_model::Conversion::Functions { .. }
                | expand_contract_model::Conversion::Traits
        );
        quote!(#column: #converted)
    });
    // Diesel puts the attributes of a table on its module.
    let mut invocation = table.invocation.clone();
    let (uses, rest) = split_uses(&table.invocation.mac.tokens, &table.table.uses);
    invocation.mac.tokens = quote! {
        #uses
        #[#krate::__phase_columns(#krate; #(#columns),*)]
        #rest
    };
    quote! {
        #invocation
        #definition
    }
}

/// The `use` statements, which stand first, and what follows them.
fn split_uses(tokens: &TokenStream, uses: &[syn::ItemUse]) -> (TokenStream, TokenStream) {
    let length: usize = uses
        .iter()
        .map(|item| item.to_token_stream().into_iter().count())
        .sum();
    let mut tokens = tokens.clone().into_iter();
    let first = tokens.by_ref().take(length).collect();
    (first, tokens.collect())
}

use expand_contract_model::{Field, Record};
use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{parse_quote, Ident};

use super::field::{dispatch, extended, located};

/// `Queryable`, for structs with a field that Rust functions convert.
pub(crate) fn queryable(record: &Record) -> TokenStream {
    let private = super::private(&record.krate);
    let diesel = quote!(#private::diesel);
    let rows: Vec<TokenStream> = record
        .fields
        .iter()
        .map(|field| row(field, record, &private))
        .collect();
    let sql_types: Vec<Ident> = (0..rows.len()).map(|i| format_ident!("__ST{i}")).collect();
    let members = record.fields.iter().map(|field| &field.member);
    let values = record.fields.iter().enumerate().map(|(i, field)| {
        let i = syn::Index::from(i);
        match &field.deserialize_as {
            Some(ty) => {
                let target = &field.ty;
                quote_spanned!(field.span=> <#ty as ::core::convert::TryInto<#target>>::try_into(row.#i)?)
            }
            None if is_plain(field) => quote!(row.#i),
            None => {
                let dispatch = dispatch(field, record.table(), &private);
                let ty = &field.ty;
                let private = located(private.clone(), field.span);
                quote_spanned!(field.span=> <#dispatch as #private::QueryField<#ty>>::build(row.#i)?)
            }
        }
    });
    let bound = parse_quote! {
        (#(#rows,)*): #diesel::deserialize::FromStaticSqlRow<(#(#sql_types,)*), __DB>
    };
    let mut generics = extended(
        record,
        Some(parse_quote!(__DB: #diesel::backend::Backend)),
        vec![bound],
    );
    generics.params.extend(
        sql_types
            .iter()
            .map(|ty| -> syn::GenericParam { parse_quote!(#ty) }),
    );
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let (_, ty_generics, _) = record.generics.split_for_impl();
    let ident = &record.ident;
    super::scoped(quote! {
        use #private::NotMigrating as _;

        #[automatically_derived]
        impl #impl_generics #diesel::deserialize::Queryable<(#(#sql_types,)*), __DB>
            for #ident #ty_generics #where_clause
        {
            type Row = (#(#rows,)*);

            fn build(row: Self::Row) -> #diesel::deserialize::Result<Self> {
                ::core::result::Result::Ok(Self { #(#members: #values,)* })
            }
        }
    })
}

/// Whether the field comes from the row as it is: not from a column of the table.
fn is_plain(field: &Field) -> bool {
    field.embed || field.select_expression.is_some() || field.column.is_none()
}

fn row(field: &Field, record: &Record, private: &TokenStream) -> TokenStream {
    let ty = &field.ty;
    match &field.deserialize_as {
        Some(ty) => quote!(#ty),
        None if is_plain(field) => quote!(#ty),
        None => {
            let dispatch = dispatch(field, record.table(), private);
            let private = located(private.clone(), field.span);
            quote_spanned!(field.span=> <#dispatch as #private::QueryField<#ty>>::Row)
        }
    }
}

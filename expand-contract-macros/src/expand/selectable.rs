use dsl_auto_type::auto_type::expression_type_inference as inference;
use expand_contract_model::{CheckForBackend, Field, Record};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{parse_quote, WherePredicate};

use super::field::{dispatch, extended, located};

/// `Selectable`.
pub(crate) fn selectable(record: &Record) -> TokenStream {
    let private = super::private(&record.krate);
    let diesel = quote!(#private::diesel);
    let embedded: Vec<WherePredicate> = record
        .fields
        .iter()
        .filter(|field| field.embed)
        .map(|field| {
            let ty = &field.ty;
            parse_quote!(#ty: #diesel::expression::Selectable<__DB>)
        })
        .collect();
    let types = record
        .fields
        .iter()
        .map(|field| expression_type(field, record, &private, &quote!(__DB)));
    let values = record
        .fields
        .iter()
        .map(|field| expression(field, record, &private));
    let generics = extended(
        record,
        Some(parse_quote!(__DB: #diesel::backend::Backend)),
        embedded,
    );
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let (_, ty_generics, _) = record.generics.split_for_impl();
    let ident = &record.ident;
    let check = check_for_backend(record, &private);
    super::scoped(quote! {
        use #private::NotMigrating as _;

        #[automatically_derived]
        impl #impl_generics #diesel::expression::Selectable<__DB>
            for #ident #ty_generics #where_clause
        {
            type SelectExpression = (#(#types,)*);

            fn construct_selection() -> Self::SelectExpression {
                (#(#values,)*)
            }
        }

        #check
    })
}

fn expression_type(
    field: &Field,
    record: &Record,
    private: &TokenStream,
    db: &TokenStream,
) -> TokenStream {
    let ty = &field.ty;
    if field.embed {
        return quote!(<#ty as #private::diesel::expression::Selectable<#db>>::SelectExpression);
    }
    match (&field.select_expression_type, &field.select_expression) {
        (given, Some(expression)) => infer(expression, given.as_ref()),
        (Some(given), None) => quote!(#given),
        (None, None) => {
            let dispatch = dispatch(field, record.table(), private);
            quote_spanned!(field.span=> <#dispatch as #private::SelectField>::Expression)
        }
    }
}

/// The type of a `select_expression`, as Diesel's derive infers it.
fn infer(expression: &syn::Expr, given: Option<&syn::Type>) -> TokenStream {
    let (ty, errors) = inference::infer_expression_type(expression, given, &super::inference());
    match errors.into_iter().next() {
        Some(error) => {
            let error = error.into_compile_error();
            parse_quote!([(); { #error 0 }])
        }
        None => quote!(#ty),
    }
}

fn expression(field: &Field, record: &Record, private: &TokenStream) -> TokenStream {
    let ty = &field.ty;
    if field.embed {
        return quote!(<#ty as #private::diesel::expression::Selectable<__DB>>::construct_selection());
    }
    match &field.select_expression {
        Some(expression) => quote!(#expression),
        None => {
            let dispatch = dispatch(field, record.table(), private);
            quote_spanned!(field.span=> <#dispatch as #private::SelectField>::select())
        }
    }
}

/// `check_for_backend`: an unused function whose bounds put the error on the field's type.
fn check_for_backend(record: &Record, private: &TokenStream) -> Option<TokenStream> {
    let Some(CheckForBackend::Backends(backends)) = &record.check_for_backend else {
        return None;
    };
    let bounds: Vec<WherePredicate> = record
        .fields
        .iter()
        .flat_map(|field| {
            backends.iter().map(move |backend| {
                let ty = field.deserialize_as.as_ref().unwrap_or(&field.ty);
                let private = located(private.clone(), field.span);
                let expression = expression_type(field, record, &private, &quote!(#backend));
                syn::parse2(quote_spanned! {field.span=>
                    #ty: #private::diesel::deserialize::FromSqlRow<
                        #private::diesel::dsl::SqlTypeOf<#expression>, #backend
                    >
                })
            })
        })
        .collect::<syn::Result<_>>()
        .unwrap_or_default();
    let generics = extended(record, None, bounds);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    Some(quote! {
        fn _check_field_compatibility #impl_generics() #where_clause {}
    })
}

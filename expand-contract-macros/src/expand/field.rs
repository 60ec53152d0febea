//! A record's field as its column sees it.

use expand_contract_model::{Field, Record};
use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::visit::{self, Visit};
use syn::{parse_quote, Generics, Ident, Path, Type, WherePredicate};

/// The path of the field's column in the table's module; spans of the field, so that a missing column is its error.
pub(super) fn column(field: &Field, table: &Path) -> TokenStream {
    let span = field.span;
    let table = located(quote!(#table), span);
    let Some(column) = &field.column else {
        return syn::Error::new(
            span,
            "this field needs a column: add `#[diesel(column_name = …)]`",
        )
        .into_compile_error();
    };
    let mut column = column.clone();
    column.set_span(span.resolved_at(column.span()));
    quote_spanned!(span=> #table::#column)
}

/// `Field<column, { changed or not }>`.
pub(super) fn dispatch(field: &Field, table: &Path, private: &TokenStream) -> TokenStream {
    let column = column(field, table);
    let private = located(private.clone(), field.span);
    quote_spanned!(field.span=> #private::Field<#column, { #column::EXPAND_CONTRACT }>)
}

/// Whether the type mentions one of the struct's type parameters, so that a bound has to be written out.
pub(super) fn is_generic(ty: &Type, generics: &Generics) -> bool {
    struct Find<'g> {
        params: Vec<&'g Ident>,
        found: bool,
    }
    impl<'ast> Visit<'ast> for Find<'_> {
        fn visit_path(&mut self, path: &'ast Path) {
            self.found |= path
                .segments
                .first()
                .is_some_and(|first| self.params.contains(&&first.ident));
            visit::visit_path(self, path);
        }
    }
    let mut find = Find {
        params: generics.type_params().map(|param| &param.ident).collect(),
        found: false,
    };
    find.visit_type(ty);
    find.found
}

/// The struct's generics with one parameter and some predicates more.
pub(super) fn extended(
    record: &Record,
    param: Option<syn::GenericParam>,
    predicates: Vec<WherePredicate>,
) -> Generics {
    let mut generics = record.generics.clone();
    match param {
        // lifetimes stand before types
        Some(param @ syn::GenericParam::Lifetime(_)) => generics.params.insert(0, param),
        Some(param) => generics.params.push(param),
        None => {}
    }
    if !predicates.is_empty() {
        generics.make_where_clause().predicates.extend(predicates);
    }
    generics
}

/// `ty`, or a reference to it.
pub(super) fn referenced(ty: &Type, lifetime: Option<&syn::Lifetime>) -> Type {
    match lifetime {
        Some(lifetime) => parse_quote!(&#lifetime #ty),
        None => ty.clone(),
    }
}

/// A predicate whose tokens keep their spans, at which the compiler reports it.
pub(super) fn bound(tokens: TokenStream) -> WherePredicate {
    // all of it is made here, so that it always parses
    syn::parse2(tokens.clone()).unwrap_or_else(|_| parse_quote!(#tokens))
}

/// The tokens at another place of the source: the compiler reports what is wrong about a path where it begins.
pub(super) fn located(tokens: TokenStream, span: Span) -> TokenStream {
    tokens
        .into_iter()
        .map(|mut token| {
            token.set_span(token.span().located_at(span));
            token
        })
        .collect()
}

/// As [`referenced`], with the reference at the field.
pub(super) fn located_reference(
    ty: &Type,
    lifetime: Option<&syn::Lifetime>,
    span: Span,
) -> TokenStream {
    let reference = lifetime.map(|lifetime| quote_spanned!(span=> &#lifetime));
    let reference = reference.map(|reference| located(reference, span));
    quote!(#reference #ty)
}

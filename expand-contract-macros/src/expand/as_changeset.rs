use expand_contract_model::{option_of, Field, Record};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{parse_quote, Lifetime, Path, Type, WherePredicate};

use super::field::{bound, dispatch, extended, is_generic, located, located_reference, referenced};

/// `AsChangeset` for the struct and for references to it.
pub(crate) fn as_changeset(record: &Record) -> TokenStream {
    let private = super::private(&record.krate);
    // a converted value consumes the record
    let by_reference = record
        .changeset_fields()
        .all(|field| field.serialize_as.is_none());
    let owned = changeset_for(record, None);
    let borrowed = by_reference.then(|| changeset_for(record, Some(parse_quote!('update))));
    super::scoped(quote! {
        use #private::NotMigrating as _;
        #owned
        #borrowed
    })
}

fn changeset_for(record: &Record, lifetime: Option<Lifetime>) -> TokenStream {
    let private = super::private(&record.krate);
    let diesel = quote!(#private::diesel);
    let table = record.table();
    let slots: Vec<Slot> = record
        .changeset_fields()
        .map(|field| Slot::of(field, table, lifetime.as_ref(), &private))
        .collect();
    let types: Vec<_> = slots.iter().map(|slot| &slot.ty).collect();
    let values: Vec<_> = slots.iter().map(|slot| &slot.value).collect();
    let tuple = quote!((#(#types,)*));

    let generic = |field: &&Field| is_generic(&field.ty, &record.generics);
    // Of concrete types a bound says nothing but puts the error of one that does not fit at its field. With lifetimes
    // it would hide the impl whose associated types are needed below.
    let is_concrete = record.generics.params.is_empty() && lifetime.is_none();
    let mut predicates: Vec<WherePredicate> = record
        .changeset_fields()
        .zip(&slots)
        .filter(|(field, _)| is_concrete || generic(field))
        .map(|(_, slot)| slot.bound.clone())
        .collect();
    if record.changeset_fields().any(|field| generic(&field)) {
        predicates.push(
            parse_quote!(#tuple: #diesel::query_builder::AsChangeset<Target = #table::table>),
        );
    }
    let param = lifetime.clone().map(|lifetime| parse_quote!(#lifetime));
    let generics = extended(record, param, predicates);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let (_, ty_generics, _) = record.generics.split_for_impl();
    let ident = &record.ident;
    let reference = lifetime.map(|lifetime| quote!(&#lifetime));
    quote! {
        #[automatically_derived]
        impl #impl_generics #diesel::query_builder::AsChangeset
            for #reference #ident #ty_generics #where_clause
        {
            type Target = #table::table;
            type Changeset = <#tuple as #diesel::query_builder::AsChangeset>::Changeset;

            fn as_changeset(self) -> Self::Changeset {
                #diesel::query_builder::AsChangeset::as_changeset((#(#values,)*))
            }
        }
    }
}

/// One element of the tuple.
struct Slot {
    ty: TokenStream,
    value: TokenStream,
    bound: WherePredicate,
}

impl Slot {
    fn of(field: &Field, table: &Path, lifetime: Option<&Lifetime>, private: &TokenStream) -> Slot {
        let span = field.span;
        let private = &located(private.clone(), span);
        let member = &field.member;
        let reference = lifetime.map(|_| quote!(&));
        if field.embed {
            let ty = referenced(&field.ty, lifetime);
            return Slot {
                ty: quote!(#ty),
                value: quote!(#reference self.#member),
                bound: bound(
                    quote_spanned!(span=> #ty: #private::diesel::query_builder::AsChangeset<Target = #table::table>),
                ),
            };
        }
        let dispatch = dispatch(field, table, private);
        let ty: &Type = field.serialize_as.as_ref().unwrap_or(&field.ty);
        let skips_none = field.option_of().is_some() && !field.treat_none_as_null;
        let inner = if skips_none {
            option_of(ty).unwrap_or(ty)
        } else {
            ty
        };
        let given = located_reference(inner, lifetime, span);
        let assign = quote_spanned!(span=> <#dispatch as #private::AssignField<#given>>::assign);
        let convert = |value: TokenStream| match &field.serialize_as {
            Some(ty) if skips_none && option_of(ty).is_none() => {
                quote_spanned!(span=> ::core::convert::Into::<#ty>::into(#value))
            }
            Some(_) if skips_none => {
                quote_spanned!(span=> ::core::convert::Into::<#inner>::into(#value))
            }
            Some(ty) => quote_spanned!(span=> ::core::convert::Into::<#ty>::into(#value)),
            None => value,
        };
        let (ty, value) = if skips_none {
            let each = convert(quote!(value));
            let by_reference = lifetime.map(|_| quote!(.as_ref()));
            (
                quote_spanned!(span=> ::core::option::Option<<#dispatch as #private::AssignField<#given>>::Assignment>),
                quote_spanned!(span=> self.#member #by_reference.map(|value| #assign(#each))),
            )
        } else {
            let value = convert(quote!(self.#member));
            (
                quote_spanned!(span=> <#dispatch as #private::AssignField<#given>>::Assignment),
                quote_spanned!(span=> #assign(#reference #value)),
            )
        };
        Slot {
            ty,
            value,
            bound: bound(quote_spanned!(span=> #dispatch: #private::AssignField<#given>)),
        }
    }
}

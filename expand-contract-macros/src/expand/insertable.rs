use expand_contract_model::{Field, Record};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{parse_quote, Lifetime, Path, Type, WherePredicate};

use super::field::{bound, dispatch, extended, is_generic, located, located_reference, referenced};

/// `Insertable` for the struct and for references to it, for each of its tables.
pub(crate) fn insertable(record: &Record) -> TokenStream {
    let private = super::private(&record.krate);
    // a converted value consumes the record
    let by_reference = record
        .insert_fields()
        .all(|field| field.serialize_as.is_none());
    let impls = record.tables.iter().map(|table| {
        let owned = insertable_for(record, table, None);
        let borrowed = by_reference.then(|| insertable_for(record, table, Some(parse_quote!('insert))));
        let ident = &record.ident;
        let (impl_generics, ty_generics, where_clause) = record.generics.split_for_impl();
        quote! {
            #owned
            #borrowed

            #[automatically_derived]
            impl #impl_generics #private::diesel::internal::derives::insertable::UndecoratedInsertRecord<#table::table>
                for #ident #ty_generics #where_clause {}
        }
    });
    super::scoped(quote! {
        use #private::NotMigrating as _;
        #(#impls)*
    })
}

fn insertable_for(record: &Record, table: &Path, lifetime: Option<Lifetime>) -> TokenStream {
    let private = super::private(&record.krate);
    let diesel = quote!(#private::diesel);
    let slots: Vec<Slot> = record
        .insert_fields()
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
        .insert_fields()
        .zip(&slots)
        .filter(|(field, _)| is_concrete || generic(field))
        .map(|(_, slot)| slot.bound.clone())
        .collect();
    if record.insert_fields().any(|field| generic(&field)) {
        predicates.push(parse_quote!(#tuple: #diesel::insertable::Insertable<#table::table>));
    }
    let param = lifetime.clone().map(|lifetime| parse_quote!(#lifetime));
    let generics = extended(record, param, predicates);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let (_, ty_generics, _) = record.generics.split_for_impl();
    let ident = &record.ident;
    let reference = lifetime.map(|lifetime| quote!(&#lifetime));
    quote! {
        #[automatically_derived]
        impl #impl_generics #diesel::insertable::Insertable<#table::table>
            for #reference #ident #ty_generics #where_clause
        {
            type Values = <#tuple as #diesel::insertable::Insertable<#table::table>>::Values;

            #[track_caller]
            fn values(self) -> Self::Values {
                #private::record_values(::core::panic::Location::caller(), || {
                    #diesel::insertable::Insertable::<#table::table>::values((#(#values,)*))
                })
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
                    quote_spanned!(span=> #ty: #private::diesel::insertable::Insertable<#table::table>),
                ),
            };
        }
        let dispatch = dispatch(field, table, private);
        let ty: &Type = field.serialize_as.as_ref().unwrap_or(&field.ty);
        let value = match &field.serialize_as {
            Some(ty) => quote_spanned!(span=> ::core::convert::Into::<#ty>::into(self.#member)),
            None => quote!(self.#member),
        };
        let inner = option_of(ty).filter(|_| field.treat_none_as_default_value);
        let given = located_reference(inner.unwrap_or(ty), lifetime, span);
        let (form, value) = match inner {
            Some(_) if lifetime.is_some() => (
                quote!(Defaultable),
                quote_spanned!(span=> <#dispatch as #private::InsertField<#given>>::defaultable(#value.as_ref())),
            ),
            Some(_) => (
                quote!(Defaultable),
                quote_spanned!(span=> <#dispatch as #private::InsertField<#given>>::defaultable(#value)),
            ),
            None => (
                quote!(Given),
                quote_spanned!(span=> <#dispatch as #private::InsertField<#given>>::given(#reference #value)),
            ),
        };
        Slot {
            ty: quote_spanned!(span=> <#dispatch as #private::InsertField<#given>>::#form),
            value,
            bound: bound(quote_spanned!(span=> #dispatch: #private::InsertField<#given>)),
        }
    }
}

fn option_of(ty: &Type) -> Option<&Type> {
    expand_contract_model::option_of(ty)
}

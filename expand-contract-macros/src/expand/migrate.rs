use expand_contract_model::{
    option_of, Change, Conversion, Migration, Model, Part, PerDialect, Sql, SqlExpr, Strategy,
};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{LitStr, Path, Type};

/// The field form: the migration of the struct's table, and on the struct the changed columns, `migration()` and the
/// repository.
pub(crate) fn model(model: &Model) -> TokenStream {
    let migration = &model.migration;
    let krate = &migration.krate;
    let private = super::private(krate);
    let table = model.record.table();
    let definition = self::migration(migration, table, &|change| {
        let (column, span) = (&change.column, change.span);
        quote_spanned!(span=> #table::#column)
    });
    let ident = &model.record.ident;
    let vis = &model.record.vis;
    let (impl_generics, ty_generics, where_clause) = model.record.generics.split_for_impl();
    let columns = migration.changes.iter().map(|change| {
        let column = &change.column;
        let doc = super::doc_of_column(column);
        quote_spanned! {change.span=>
            #[doc = #doc]
            #[allow(non_upper_case_globals, dead_code)]
            #vis const #column: #private::PhaseColumn<#table::#column> = #private::PhaseColumn::NEW;
        }
    });
    let repository = super::repository::repository(model);
    let scoped = super::scoped(definition);
    quote! {
        #scoped

        #[automatically_derived]
        impl #impl_generics #ident #ty_generics #where_clause {
            #(#columns)*

            /// The migration of this table, to be run step by step.
            #[allow(dead_code)]
            #vis fn migration() -> #krate::Migration<#table::table> {
                <#table::table as #private::Migrate>::migration()
            }
        }

        #repository
    }
}

/// The statics and impls of a migration: the same for a struct and for a table.
pub(super) fn migration(
    migration: &Migration,
    table: &Path,
    column: &dyn Fn(&Change) -> TokenStream,
) -> TokenStream {
    let private = super::private(&migration.krate);
    let id = &migration.id;
    let generation = migration.generation;
    let definitions = migration
        .changes
        .iter()
        .map(|change| change_definition(change, &column(change), &private));
    let impls = migration
        .changes
        .iter()
        .enumerate()
        .map(|(index, change)| change_impl(index, change, &column(change), table, &private));
    let rust: Vec<TokenStream> = migration
        .changes
        .iter()
        .filter(|change| is_rust(change))
        .map(column)
        .collect();
    quote! {
        static __EXPAND_CONTRACT_DEFINITION: #private::MigrationDef = #private::MigrationDef {
            id: #id,
            generation: #generation,
            changes: &[#(#definitions,)*],
        };
        static __EXPAND_CONTRACT_PHASE: #private::PhaseCell =
            #private::PhaseCell::new(&__EXPAND_CONTRACT_DEFINITION);

        #[automatically_derived]
        impl #private::Migrate for #table::table {
            type Table = #table::table;

            fn cell() -> &'static #private::PhaseCell {
                &__EXPAND_CONTRACT_PHASE
            }
        }

        #[automatically_derived]
        impl<C> #private::MigrateOn<C> for #table::table
        where
            C: #private::RunnerConnection,
            #table::table: #private::diesel::query_builder::QueryFragment<C::Backend>,
            #(#private::RustConverter<#rust>: #private::Converter<C>,)*
        {
            fn converters() -> #private::Vec<#private::Box<dyn #private::Converter<C>>> {
                #private::vec![#(#private::Box::new(#private::RustConverter::<#rust>::new(<#rust as #private::Change>::INDEX)) as _,)*]
            }
        }

        #(#impls)*
    }
}

fn is_rust(change: &Change) -> bool {
    matches!(
        change.conversion,
        Conversion::Functions { .. } | Conversion::Traits
    )
}

fn change_definition(change: &Change, column: &TokenStream, private: &TokenStream) -> TokenStream {
    let name = quote!(<#column as #private::diesel::query_source::Column>::NAME);
    let old = match &change.old_name {
        Some(old) => quote!(#old),
        None => name.clone(),
    };
    let via = option(change.via.as_ref());
    let strategy = match change.strategy {
        Strategy::Copy => quote!(Copy),
        Strategy::InPlace => quote!(InPlace),
    };
    let conversion = match &change.conversion {
        Conversion::Identity => quote!(#private::Conversion::Identity),
        Conversion::Sql { up, down } => {
            let (up, down) = (sql_expr(up, private), sql_expr(down, private));
            quote!(#private::Conversion::Sql { up: #up, down: #down })
        }
        Conversion::Functions { .. } | Conversion::Traits => quote!(#private::Conversion::Rust),
    };
    let sql_type = sql_type(change, column, private);
    let (lossless, monotonic) = (change.lossless, change.monotonic);
    let carry = change.carry.iter().map(|carried| {
        let name = &carried.name;
        let sql = carried.sql.as_ref().map(|sql| sql_expr(sql, private));
        let sql = option(sql.as_ref());
        quote!(#private::Carry { name: #name, sql: #sql })
    });
    quote! {
        #private::ChangeDef {
            old: #old,
            via: #via,
            new: #name,
            strategy: #private::Strategy::#strategy,
            conversion: #conversion,
            lossless: #lossless,
            monotonic: #monotonic,
            new_type: #sql_type,
            nullable: #private::nullable::<<#column as #private::diesel::expression::Expression>::SqlType>(),
            carry: &[#(#carry,)*],
        }
    }
}

fn change_impl(
    index: usize,
    change: &Change,
    column: &TokenStream,
    table: &Path,
    private: &TokenStream,
) -> TokenStream {
    let name = quote!(<#column as #private::diesel::query_source::Column>::NAME);
    let sql_type = quote!(<#column as #private::diesel::expression::Expression>::SqlType);
    let (old_sql_type, resolved) = match &change.retype_from {
        Some(ty) => (
            quote!(<#column as #private::OldTyped>::SqlType),
            Some(resolved_as_in_table(ty, column, private)),
        ),
        None => (sql_type.clone(), None),
    };
    let old = match &change.old_name {
        Some(old) => quote!(#old),
        None => name.clone(),
    };
    let (via, passes) = match (&change.via, change.strategy) {
        (Some(via), Strategy::InPlace) => (quote!(#via), quote!(InPlace)),
        (Some(via), Strategy::Copy) => (quote!(#via), quote!(TwoPasses)),
        (None, _) => (name, quote!(OnePass)),
    };
    let kind = if is_rust(change) {
        quote!(ByRust)
    } else {
        quote!(BySql)
    };
    let rust = rust_change(change, column, private);
    quote_spanned! {change.span=>
        #resolved

        #[automatically_derived]
        impl #private::Change for #column {
            type NewSqlType = #sql_type;
            type OldSqlType = #old_sql_type;
            type Kind = #private::#kind;
            type Passes = #private::#passes;

            const OLD: &'static str = #old;
            const VIA: &'static str = #via;
            const TABLE: &'static #table::table = &#table::table;
            const INDEX: usize = #index;

            fn cell() -> &'static #private::PhaseCell {
                &__EXPAND_CONTRACT_PHASE
            }
        }

        impl #column {
            #[doc(hidden)]
            pub const EXPAND_CONTRACT: bool = true;
        }

        #rust
    }
}

/// The old SQL type, with its names resolved as in `diesel::table!`: Diesel's SQL types need no import. In a scope of its
/// own, where no other name of the user's can be meant.
fn resolved_as_in_table(ty: &Type, column: &TokenStream, private: &TokenStream) -> TokenStream {
    quote! {
        const _: () = {
            use #private::diesel::sql_types::*;

            #[automatically_derived]
            impl #private::OldTyped for #column {
                type SqlType = #ty;
            }
        };
    }
}

fn rust_change(
    change: &Change,
    column: &TokenStream,
    private: &TokenStream,
) -> Option<TokenStream> {
    let span = change.span;
    let without_option = |ty: &'_ _| option_of(ty).unwrap_or(ty).clone();
    let old: Type = without_option(change.old_type.as_ref()?);
    let new: Type = without_option(change.rust_type.as_ref()?);
    // the spans decide where a wrong signature is reported: at the function's path, or at the type that does not convert
    let (up, down) = match &change.conversion {
        Conversion::Functions { up, down } => (
            quote_spanned!(up.span()=> #up(old)),
            quote_spanned!(down.span()=> #down(new)),
        ),
        Conversion::Traits => (
            quote_spanned!(new.span()=> <#new as #private::ConvertFrom<#old>>::convert_from(old)),
            quote_spanned!(old.span()=> <#old as #private::ConvertFrom<#new>>::convert_from(new)),
        ),
        Conversion::Identity | Conversion::Sql { .. } => return None,
    };
    Some(quote_spanned! {span=>
        #[automatically_derived]
        #[allow(private_interfaces)]
        impl #private::RustChange for #column {
            type Old = #old;
            type New = #new;

            fn up(old: #old) -> ::core::result::Result<#new, #private::String> {
                #private::said(#up)
            }

            fn down(new: #new) -> ::core::result::Result<#old, #private::String> {
                #private::said(#down)
            }
        }
    })
}

fn sql_type(change: &Change, column: &TokenStream, private: &TokenStream) -> TokenStream {
    let PerDialect {
        any,
        postgres,
        sqlite,
    } = &change.sql_type;
    // where the annotation is silent, a retype takes Diesel's type; a rename keeps the one in the catalogue
    let of_diesel = change.retype_from.is_some() && any.is_none();
    let ty = quote_spanned!(change.span=> <#column as #private::diesel::expression::Expression>::SqlType);
    let dialect = |given: &Option<LitStr>, constant: Ident| match given {
        None if of_diesel => {
            quote_spanned!(change.span=> <#ty as #private::DdlType>::#constant)
        }
        given => option(given.as_ref()),
    };
    let any = option(any.as_ref());
    let postgres = dialect(postgres, format_ident!("POSTGRES"));
    let sqlite = dialect(sqlite, format_ident!("SQLITE"));
    quote!(#private::PerDialect { any: #any, postgres: #postgres, sqlite: #sqlite })
}

fn sql_expr(expr: &SqlExpr, private: &TokenStream) -> TokenStream {
    let dialect = |sql: &Option<Sql>| {
        option(
            sql.as_ref()
                .map(|sql| {
                    let parts = sql.parts.iter().map(|part| match part {
                        Part::Sql(text) => quote!(#private::Part::Sql(#text)),
                        Part::Column => quote!(#private::Part::Column),
                    });
                    quote!(&[#(#parts,)*])
                })
                .as_ref(),
        )
    };
    let (any, postgres, sqlite) = (
        dialect(&expr.any),
        dialect(&expr.postgres),
        dialect(&expr.sqlite),
    );
    quote!(#private::SqlExpr { any: #any, postgres: #postgres, sqlite: #sqlite })
}

fn option(value: Option<&impl quote::ToTokens>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}

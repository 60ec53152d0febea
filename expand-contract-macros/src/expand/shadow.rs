//! The attribute on the module that `diesel::table!` makes.
//!
//! Diesel's expansion has the columns in `mod columns`, re-exports them from the table's module by a glob, and names them
//! without a path in `all_columns`, `AllColumns` and the default selection. So an item of the column's name in the
//! table's module takes the place of the glob's in all of these. `tests/tests/table_form.rs` pins this.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{parse_quote, Ident, Item, ItemMod, LitBool, Path, Token, Type, UseTree};

struct Args {
    krate: Path,
    columns: Punctuated<Shadowed, Token![,]>,
}

struct Shadowed {
    column: Ident,
    /// Rust functions convert: what is read is a pair of columns.
    converted: bool,
}

impl Parse for Args {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let krate = input.call(Path::parse_mod_style)?;
        input.parse::<Token![;]>()?;
        Ok(Args {
            krate,
            columns: Punctuated::parse_terminated(input)?,
        })
    }
}

impl Parse for Shadowed {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let column = input.parse()?;
        input.parse::<Token![:]>()?;
        Ok(Shadowed {
            column,
            converted: input.parse::<LitBool>()?.value,
        })
    }
}

pub(crate) fn module(args: TokenStream, module: TokenStream) -> syn::Result<TokenStream> {
    let args: Args = Args::parse.parse2(args)?;
    let mut module: ItemMod = syn::parse2(module)?;
    let unknown = syn::Error::new(
        module.ident.span(),
        "this version of Diesel expands `table!` differently from what expand-contract knows; declare the change on the \
         model's field instead",
    );
    let Some((_, items)) = &mut module.content else {
        return Err(unknown);
    };
    let krate = &args.krate;
    for Shadowed { column, converted } in &args.columns {
        let position = position(items, column).ok_or_else(|| unknown.clone())?;
        from_dsl(items, column).ok_or_else(|| unknown.clone())?;
        if *converted {
            sql_type(
                items,
                position,
                parse_quote!(#krate::__private::ConvertedSqlType<columns::#column>),
            )
            .ok_or_else(|| unknown.clone())?;
        }
        let doc = super::doc_of_column(column);
        items.push(parse_quote! {
            #[doc = #doc]
            #[allow(non_camel_case_types)]
            pub type #column = #krate::__private::PhaseColumn<columns::#column>;
        });
        items.push(parse_quote! {
            #[doc = #doc]
            #[allow(non_upper_case_globals)]
            pub const #column: #column = #krate::__private::PhaseColumn::NEW;
        });
    }
    items.push(parse_quote! {
        /// The migration of this table, to be run step by step.
        pub fn migration() -> #krate::Migration<table> {
            <table as #krate::__private::Migrate>::migration()
        }
    });
    Ok(quote!(#module))
}

/// The column's place in `all_columns`.
fn position(items: &[Item], column: &Ident) -> Option<usize> {
    items.iter().find_map(|item| match item {
        Item::Const(item) if item.ident == "all_columns" => match &*item.ty {
            Type::Tuple(columns) => columns
                .elems
                .iter()
                .position(|ty| matches!(ty, Type::Path(path) if path.path.is_ident(column))),
            _ => None,
        },
        _ => None,
    })
}

/// Makes `dsl` re-export the column from the table's module instead of from `columns`.
fn from_dsl(items: &mut [Item], column: &Ident) -> Option<()> {
    let dsl = items.iter_mut().find_map(|item| match item {
        Item::Mod(module) if module.ident == "dsl" => module.content.as_mut(),
        _ => None,
    })?;
    dsl.1.iter_mut().find_map(|item| {
        let Item::Use(item) = item else { return None };
        let found = matches!(&item.tree, UseTree::Path(first)
            if first.ident == "super" && matches!(&*first.tree, UseTree::Path(second)
                if second.ident == "columns" && matches!(&*second.tree, UseTree::Name(name) if name.ident == *column)));
        found.then(|| item.tree = parse_quote!(super::#column))
    })
}

/// Puts another type into the table's `SqlType`.
fn sql_type(items: &mut [Item], position: usize, ty: Type) -> Option<()> {
    items.iter_mut().find_map(|item| match item {
        Item::Type(item) if item.ident == "SqlType" => match &mut *item.ty {
            Type::Tuple(types) => types.elems.get_mut(position).map(|slot| *slot = ty.clone()),
            _ => None,
        },
        _ => None,
    })
}

//! The table form: the attribute macro on a `diesel::table!`.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{
    braced, parenthesized, parse_quote, token, Attribute, Expr, ExprLit, Ident, ItemMacro, ItemUse,
    Lit, LitStr, Meta, Path, Token, TypePath,
};

use crate::attribute::{read_items, ChangeArgs, MigrationArgs};
use crate::build::{self, Column, Draft, Place};
use crate::errors::Errors;
use crate::keys;
use crate::migration::Migration;
use crate::names;

/// An annotated `diesel::table!`.
#[derive(Debug, Clone)]
pub struct TableMigration {
    /// The invocation, without the attribute and otherwise verbatim.
    pub invocation: ItemMacro,
    /// What stands in it.
    pub table: TableDecl,
    /// What changes.
    pub migration: Migration,
}

/// The content of a `diesel::table!`.
#[derive(Debug, Clone)]
pub struct TableDecl {
    /// The `use` statements.
    pub uses: Vec<ItemUse>,
    /// The table's attributes, `#[sql_name]` included.
    pub attrs: Vec<Attribute>,
    /// The schema.
    pub schema: Option<Ident>,
    /// The table's identifier.
    pub ident: Ident,
    /// The table's name in the database.
    pub sql_name: String,
    /// The primary key; `id` where none is written.
    pub primary_key: Vec<Ident>,
    /// The columns, in order.
    pub columns: Vec<ColumnDecl>,
}

/// A column of a [`TableDecl`].
#[derive(Debug, Clone)]
pub struct ColumnDecl {
    /// Its attributes, `#[sql_name]` and `#[max_length]` included.
    pub attrs: Vec<Attribute>,
    /// Its identifier.
    pub ident: Ident,
    /// Its name in the database.
    pub sql_name: String,
    /// Its SQL type.
    pub ty: TypePath,
}

/// A refused annotation on a table, and what keeps the table declared, so that no second error follows.
#[derive(Debug, Clone)]
pub struct TableRejected {
    /// All errors, combined.
    pub error: syn::Error,
    /// The item below the attribute, verbatim.
    pub item: TokenStream,
    /// The path to the core crate, as far as it could be read.
    pub krate: Path,
    /// A migration of the same columns whose values stay as they are; `None` if the table could not be read.
    pub stand_in: Option<Box<TableMigration>>,
}

impl TableMigration {
    /// Reads and checks an attribute's arguments and the item below it.
    pub fn parse(args: TokenStream, item: TokenStream) -> Result<Self, Box<TableRejected>> {
        let errors = Errors::new();
        let (args, changes) = arguments(args, &errors);
        let krate = args.krate();
        let mut stand_in = None;
        let read = errors.take(invocation(item.clone()));
        let read = read.and_then(|(invocation, table)| {
            let drafts = drafts(changes, &table, &errors);
            stand_in = Some(Box::new(TableMigration {
                invocation: invocation.clone(),
                table: table.clone(),
                migration: build::stand_in(&args, &drafts),
            }));
            let migration = build(&args, drafts, &table, &errors)?;
            Some(TableMigration {
                invocation,
                table,
                migration,
            })
        });
        let unsaid = || syn::Error::new(Span::call_site(), "the annotation could not be read");
        let error = match (errors.check(), read) {
            (Ok(()), Some(read)) => return Ok(read),
            (result, _) => result.err().unwrap_or_else(unsaid),
        };
        Err(Box::new(TableRejected {
            error,
            item,
            krate,
            stand_in,
        }))
    }
}

impl TableDecl {
    /// The column with this identifier.
    pub fn column(&self, ident: &Ident) -> Option<&ColumnDecl> {
        let ident = names::text(ident);
        self.columns
            .iter()
            .find(|column| names::text(&column.ident) == ident)
    }
}

/// `column(…), column(…), id = "…"`: what is followed by parentheses is a column, whatever it is called.
fn arguments(args: TokenStream, errors: &Errors) -> (MigrationArgs, Vec<(Ident, ChangeArgs)>) {
    let mut migration = MigrationArgs::default();
    let mut changes: Vec<(Ident, ChangeArgs)> = Vec::new();
    let read = |input: ParseStream<'_>| {
        read_items(input, errors, |key, input| {
            if !input.peek(token::Paren) {
                return setting(&mut migration, key, input);
            }
            let content;
            parenthesized!(content in input);
            let change = ChangeArgs::from_list(&content, errors);
            if changes
                .iter()
                .any(|(known, _)| names::text(known) == names::text(&key))
            {
                let message = format!(
                    "`{key}` is given twice\nhelp: put all its keys into one pair of parentheses"
                );
                return Err(syn::Error::new(key.span(), message));
            }
            changes.push((key, change));
            Ok(())
        });
        Ok(())
    };
    errors.take(read.parse2(args));
    (migration, changes)
}

fn setting(args: &mut MigrationArgs, key: Ident, input: ParseStream<'_>) -> syn::Result<()> {
    let name = key.to_string();
    if name == keys::REPOSITORY {
        return Err(syn::Error::new(
            key.span(),
            "a table has no repository\nhelp: put `repository` on a struct that derives `Migrate`",
        ));
    }
    if keys::ON_CHANGE.contains(&name.as_str()) {
        return Err(syn::Error::new(
            key.span(),
            format!(
                "`{key}` belongs to a column\nhelp: the correct format looks like `#[expand_contract::{}(my_column({}))]`",
                keys::ATTRIBUTE,
                keys::format(&name)
            ),
        ));
    }
    args.item(key, input, keys::ON_TABLE)
}

fn build(
    args: &MigrationArgs,
    drafts: Vec<Draft>,
    table: &TableDecl,
    errors: &Errors,
) -> Option<Migration> {
    let columns: Vec<Column> = table
        .columns
        .iter()
        .map(|column| Column {
            ident: column.ident.clone(),
            name: Some(column.sql_name.clone()),
        })
        .collect();
    let place = Place {
        table: names::text(&table.ident),
        span: table.ident.span(),
        primary_key: &table.primary_key,
        key_follows: true,
        columns: &columns,
    };
    build::migration(args, drafts, &place, errors)
}

fn drafts(changes: Vec<(Ident, ChangeArgs)>, table: &TableDecl, errors: &Errors) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for (ident, args) in changes {
        let Some(column) = table.column(&ident) else {
            errors.at(&ident, no_such_column(&ident, table));
            continue;
        };
        drafts.push(Draft {
            field: None,
            rust_type: None,
            column: column.ident.clone(),
            column_name: Some(column.sql_name.clone()),
            column_type: Some(column.ty.clone()),
            span: ident.span(),
            args,
        });
    }
    drafts
}

fn no_such_column(ident: &Ident, table: &TableDecl) -> String {
    let known: Vec<String> = table
        .columns
        .iter()
        .map(|column| names::text(&column.ident))
        .collect();
    let by_name = table
        .columns
        .iter()
        .find(|column| column.sql_name == names::text(ident));
    let by_name = by_name.map(|column| names::text(&column.ident));
    let nearest = names::nearest(&names::text(ident), known.iter().map(String::as_str));
    let help = match by_name.as_deref().or(nearest) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("its columns are `{}`", known.join("`, `")),
    };
    format!(
        "the table `{}` has no column `{ident}`, {help}",
        table.ident
    )
}

fn invocation(item: TokenStream) -> syn::Result<(ItemMacro, TableDecl)> {
    let wrong = || {
        format!(
            "expected a `diesel::table!` below the attribute\nhelp: on a struct, derive `Migrate` and put `#[{}(…)]` on the field",
            keys::ATTRIBUTE
        )
    };
    let first = item
        .clone()
        .into_iter()
        .next()
        .map_or_else(Span::call_site, |token| token.span());
    let invocation: ItemMacro = syn::parse2(item).map_err(|_| syn::Error::new(first, wrong()))?;
    let path = &invocation.mac.path;
    if invocation.ident.is_some()
        || path
            .segments
            .last()
            .is_none_or(|last| last.ident != "table")
    {
        return Err(syn::Error::new_spanned(path, wrong()));
    }
    let table = invocation.mac.parse_body()?;
    Ok((invocation, table))
}

/// The grammar of `diesel::table!`.
impl Parse for TableDecl {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut uses = Vec::new();
        while input.fork().parse::<ItemUse>().is_ok() {
            uses.push(input.parse()?);
        }
        let attrs = input.call(Attribute::parse_outer)?;
        let first: Ident = input.parse()?;
        let (schema, ident) = if input.peek(Token![.]) {
            input.parse::<Token![.]>()?;
            (Some(first), input.parse()?)
        } else {
            (None, first)
        };
        let primary_key = if input.peek(token::Paren) {
            let content;
            parenthesized!(content in input);
            content
                .parse_terminated(Ident::parse, Token![,])?
                .into_iter()
                .collect()
        } else {
            vec![parse_quote!(id)]
        };
        let content;
        braced!(content in input);
        let columns = content.parse_terminated(ColumnDecl::parse, Token![,])?;
        Ok(TableDecl {
            uses,
            sql_name: sql_name(&attrs, &ident)?,
            attrs,
            schema,
            ident,
            primary_key,
            columns: columns.into_iter().collect(),
        })
    }
}

impl Parse for ColumnDecl {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let ident: Ident = input.parse()?;
        input.parse::<Token![->]>()?;
        Ok(ColumnDecl {
            sql_name: sql_name(&attrs, &ident)?,
            attrs,
            ident,
            ty: input.parse()?,
        })
    }
}

/// `#[sql_name = "…"]`, or the identifier.
fn sql_name(attrs: &[Attribute], ident: &Ident) -> syn::Result<String> {
    let Some(attribute) = attrs
        .iter()
        .find(|attribute| attribute.path().is_ident("sql_name"))
    else {
        return Ok(ident.unraw().to_string());
    };
    match string_of(&attribute.meta) {
        Some(literal) => {
            let name = literal.value();
            Ok(name.strip_prefix("r#").map_or(name.clone(), str::to_owned))
        }
        None => Err(syn::Error::new_spanned(
            &attribute.meta,
            "expected a string literal\nhelp: the correct format looks like `#[sql_name = \"my name\"]`",
        )),
    }
}

fn string_of(meta: &Meta) -> Option<&LitStr> {
    match meta {
        Meta::NameValue(pair) => match &pair.value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(literal),
                ..
            }) => Some(literal),
            _ => None,
        },
        _ => None,
    }
}

//! `#[diesel(…)]`, as far as it matters here: what Diesel knows and this crate does not need is left to Diesel.

use proc_macro2::Span;
use quote::format_ident;
use syn::ext::IdentExt;
use syn::parse::discouraged::Speculative;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{
    parenthesized, token, Attribute, Expr, Ident, LitBool, LitStr, Path, Token, Type, TypePath,
};

use crate::attribute::{read_items, skip_item};
use crate::errors::Errors;
use crate::names;

/// The attributes of Diesel before 2.0 that name what these derives need.
const OLD_STYLE: &[(&str, &str)] = &[
    ("table_name", "table_name = my_table"),
    ("column_name", "column_name = my_column"),
    ("primary_key", "primary_key(my_column)"),
    ("changeset_options", "treat_none_as_null = true"),
];

/// `check_for_backend(…)`.
#[derive(Debug, Clone)]
pub enum CheckForBackend {
    /// These are checked.
    Backends(Punctuated<TypePath, Token![,]>),
    /// `disable = true`.
    Disabled,
}

/// What Diesel's attributes say of a struct.
#[derive(Debug, Default)]
pub(crate) struct StructAttributes {
    /// Each with its key.
    pub(crate) tables: Vec<(Ident, Path)>,
    pub(crate) primary_key: Option<Vec<Ident>>,
    pub(crate) treat_none_as_default_value: Option<bool>,
    pub(crate) treat_none_as_null: Option<bool>,
    pub(crate) check_for_backend: Option<CheckForBackend>,
    pub(crate) base_query: Option<Expr>,
    pub(crate) base_query_type: Option<Type>,
    /// The foreign key of each `belongs_to`, as Diesel names it.
    pub(crate) foreign_keys: Vec<Ident>,
    /// Whether something could not be read: then no rule may complain that a key is missing.
    pub(crate) is_broken: bool,
}

impl StructAttributes {
    pub(crate) fn read(attributes: &[Attribute], errors: &Errors) -> Self {
        let mut read = StructAttributes::default();
        let before = errors.count();
        for_each_item(attributes, errors, |key, input| {
            match key.to_string().as_str() {
                "table_name" => {
                    let table = value(&key, input, "table_name = my_table", Path::parse_mod_style)?;
                    read.tables.push((key, table));
                }
                "primary_key" => read.primary_key = Some(primary_key(&key, input)?),
                "treat_none_as_default_value" => {
                    read.treat_none_as_default_value = Some(boolean(&key, input)?);
                }
                "treat_none_as_null" => read.treat_none_as_null = Some(boolean(&key, input)?),
                "check_for_backend" => {
                    read.check_for_backend = Some(check_for_backend(&key, input)?)
                }
                "base_query" => {
                    read.base_query =
                        Some(value(&key, input, "base_query = my_query()", Expr::parse)?)
                }
                "base_query_type" => {
                    read.base_query_type = Some(value(
                        &key,
                        input,
                        "base_query_type = MyQuery",
                        Type::parse,
                    )?);
                }
                "belongs_to" => read.foreign_keys.extend(foreign_key(input)),
                _ => skip_value(input),
            }
            Ok(())
        });
        read.is_broken = errors.count() > before;
        read
    }
}

/// What Diesel's attributes say of a field; where an error may have to point at the key, it is kept.
#[derive(Debug, Default)]
pub(crate) struct FieldAttributes {
    pub(crate) column_name: Option<Ident>,
    pub(crate) embed: Option<Ident>,
    pub(crate) skip_insertion: bool,
    pub(crate) skip_update: bool,
    pub(crate) treat_none_as_default_value: Option<bool>,
    pub(crate) treat_none_as_null: Option<bool>,
    pub(crate) serialize_as: Option<(Ident, Type)>,
    pub(crate) deserialize_as: Option<(Ident, Type)>,
    pub(crate) select_expression: Option<(Ident, Expr)>,
    pub(crate) select_expression_type: Option<Type>,
    /// As for a struct.
    pub(crate) is_broken: bool,
}

impl FieldAttributes {
    pub(crate) fn read(attributes: &[Attribute], errors: &Errors) -> Self {
        let mut read = FieldAttributes::default();
        let before = errors.count();
        for_each_item(attributes, errors, |key, input| {
            match key.to_string().as_str() {
                "column_name" => {
                    read.column_name =
                        Some(value(&key, input, "column_name = my_column", column_name)?);
                }
                "embed" => read.embed = Some(key),
                "skip_insertion" => read.skip_insertion = true,
                "skip_update" => read.skip_update = true,
                "treat_none_as_default_value" => {
                    read.treat_none_as_default_value = Some(boolean(&key, input)?);
                }
                "treat_none_as_null" => read.treat_none_as_null = Some(boolean(&key, input)?),
                "serialize_as" => {
                    let ty = value(&key, input, "serialize_as = MyType", Type::parse)?;
                    read.serialize_as = Some((key, ty));
                }
                "deserialize_as" => {
                    let ty = value(&key, input, "deserialize_as = MyType", Type::parse)?;
                    read.deserialize_as = Some((key, ty));
                }
                "select_expression" => {
                    let expression = value(
                        &key,
                        input,
                        "select_expression = my_table::my_column.is_null()",
                        Expr::parse,
                    )?;
                    read.select_expression = Some((key, expression));
                }
                "select_expression_type" => {
                    let format = "select_expression_type = dsl::IsNull<my_table::my_column>";
                    read.select_expression_type = Some(value(&key, input, format, Type::parse)?);
                }
                _ => skip_value(input),
            }
            Ok(())
        });
        read.is_broken = errors.count() > before;
        read
    }
}

fn for_each_item(
    attributes: &[Attribute],
    errors: &Errors,
    mut item: impl FnMut(Ident, ParseStream<'_>) -> syn::Result<()>,
) {
    for attribute in attributes {
        if attribute.path().is_ident("diesel") {
            let read = attribute.parse_args_with(|input: ParseStream<'_>| {
                read_items(input, errors, &mut item);
                Ok(())
            });
            errors.take(read);
        } else if let Some((name, format)) = OLD_STYLE
            .iter()
            .find(|(name, _)| attribute.path().is_ident(name))
        {
            errors.at(
                &attribute.meta,
                format!("`#[{name}]` is the style of Diesel 1\nhelp: the correct format looks like `#[diesel({format})]`"),
            );
        }
    }
}

/// Steps over the value of a key that is Diesel's business, commas inside included.
fn skip_value(input: ParseStream<'_>) {
    for fits in [fits::<Type>, fits::<Expr>] {
        let ahead = input.fork();
        if ahead.parse::<Token![=]>().is_ok() && fits(&ahead) {
            input.advance_to(&ahead);
            return;
        }
    }
    skip_item(input);
}

fn fits<T: Parse>(input: ParseStream<'_>) -> bool {
    input.parse::<T>().is_ok() && (input.is_empty() || input.peek(Token![,]))
}

fn value<T>(
    key: &Ident,
    input: ParseStream<'_>,
    format: &str,
    parse: impl FnOnce(ParseStream<'_>) -> syn::Result<T>,
) -> syn::Result<T> {
    let help = |span: Span, what: String| {
        syn::Error::new(
            span,
            format!("{what}\nhelp: the correct format looks like `#[diesel({format})]`"),
        )
    };
    if !input.peek(Token![=]) {
        return Err(help(
            key.span(),
            format!("expected `=` and a value behind `{key}`"),
        ));
    }
    input.parse::<Token![=]>()?;
    parse(input).map_err(|error| help(error.span(), error.to_string()))
}

fn boolean(key: &Ident, input: ParseStream<'_>) -> syn::Result<bool> {
    value(key, input, &format!("{key} = true"), LitBool::parse).map(|literal| literal.value)
}

fn primary_key(key: &Ident, input: ParseStream<'_>) -> syn::Result<Vec<Ident>> {
    if !input.peek(token::Paren) {
        return Err(syn::Error::new(
            key.span(),
            "expected columns in parentheses\nhelp: the correct format looks like `#[diesel(primary_key(key1, key2))]`",
        ));
    }
    let content;
    parenthesized!(content in input);
    let columns = content.parse_terminated(Ident::parse, Token![,])?;
    Ok(columns.into_iter().collect())
}

fn check_for_backend(key: &Ident, input: ParseStream<'_>) -> syn::Result<CheckForBackend> {
    let format =
        "help: the correct format looks like `#[diesel(check_for_backend(diesel::pg::Pg))]`";
    if !input.peek(token::Paren) {
        return Err(syn::Error::new(
            key.span(),
            format!("expected backends in parentheses\n{format}"),
        ));
    }
    let content;
    parenthesized!(content in input);
    if content.peek(Ident) && content.peek2(Token![=]) {
        let disable: Ident = content.parse()?;
        content.parse::<Token![=]>()?;
        let on: LitBool = content.parse()?;
        if disable != "disable" || !on.value {
            return Err(syn::Error::new(
                disable.span(),
                format!("expected backends or `disable = true`\n{format}"),
            ));
        }
        return Ok(CheckForBackend::Disabled);
    }
    Ok(CheckForBackend::Backends(
        content.parse_terminated(TypePath::parse, Token![,])?,
    ))
}

/// Of `belongs_to(Parent)` or `belongs_to(Parent, foreign_key = my_column)`; what is wrong there is for Diesel to report.
fn foreign_key(input: ParseStream<'_>) -> Option<Ident> {
    let read = |input: ParseStream<'_>| -> syn::Result<Ident> {
        let content;
        parenthesized!(content in input);
        let parent: Path = content.parse()?;
        let mut key = None;
        while content.parse::<Option<Token![,]>>()?.is_some() && !content.is_empty() {
            let name: Ident = content.parse()?;
            content.parse::<Token![=]>()?;
            if name == "foreign_key" {
                key = Some(content.parse()?);
            } else {
                skip_item(&content);
            }
        }
        let parent = parent.segments.last().map(|last| &last.ident);
        let inferred =
            || parent.map(|parent| format_ident!("{}_id", names::snake_case(&names::text(parent))));
        key.or_else(inferred)
            .ok_or_else(|| content.error("expected a type"))
    };
    let found = read(input).ok();
    skip_item(input);
    found
}

/// An identifier, or a string that holds one.
fn column_name(input: ParseStream<'_>) -> syn::Result<Ident> {
    if !input.peek(LitStr) {
        let ident = input.call(Ident::parse_any)?;
        return usable(&ident.unraw().to_string(), ident.span());
    }
    let literal: LitStr = input.parse()?;
    let name = literal.value();
    usable(name.strip_prefix("r#").unwrap_or(&name), literal.span())
}

/// The identifier, raw if it is a keyword.
fn usable(name: &str, span: Span) -> syn::Result<Ident> {
    let parsed = syn::parse_str::<Ident>(name).or_else(|_| syn::parse_str(&format!("r#{name}")));
    match parsed {
        Ok(mut ident) => {
            ident.set_span(span);
            Ok(ident)
        }
        Err(_) => Err(syn::Error::new(
            span,
            format!(
                "expected the column's identifier in `schema.rs`, found `{name}`\n\
                 note: where the database's name is no identifier, `schema.rs` gives another one next to `#[sql_name = …]`"
            ),
        )),
    }
}

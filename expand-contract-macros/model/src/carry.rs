//! `carry(…)` and `drop(…)`: what becomes of a CHECK constraint, an index or statistics on the old column.

use proc_macro2::TokenStream;
use syn::parse::ParseStream;
use syn::{parenthesized, token, Ident, LitStr, Token};

use crate::attribute::{per_dialect_of, wrong, Given};
use crate::build::Draft;
use crate::errors::Errors;
use crate::keys;
use crate::migration::{Carried, PerDialect};
use crate::sql::{cut, Flaw, Sql};

/// An item as written.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    name: LitStr,
    /// `None` in `drop`.
    sql: Option<PerDialect<LitStr>>,
}

/// `carry("name" = "…", "name"(postgres = "…"))`, behind the key.
pub(crate) fn carry(
    key: &Ident,
    input: ParseStream<'_>,
    errors: &Errors,
) -> syn::Result<Vec<Item>> {
    const EXPECTED: &str =
        "names of objects in parentheses, each with what it is on the new column";
    list(key, input, EXPECTED, |input| {
        let name: LitStr = input.parse()?;
        let sql = if input.peek(token::Paren) {
            per_dialect_of(key, input, errors)?
        } else {
            input.parse::<Token![=]>()?;
            PerDialect {
                any: Some(input.parse()?),
                ..PerDialect::default()
            }
        };
        Ok(Item {
            name,
            sql: Some(sql),
        })
    })
}

/// `drop("name", "name")`, behind the key.
pub(crate) fn drops(key: &Ident, input: ParseStream<'_>) -> syn::Result<Vec<Item>> {
    list(key, input, "names of objects in parentheses", |input| {
        Ok(Item {
            name: input.parse()?,
            sql: None,
        })
    })
}

fn list(
    key: &Ident,
    input: ParseStream<'_>,
    expected: &str,
    item: impl Fn(ParseStream<'_>) -> syn::Result<Item>,
) -> syn::Result<Vec<Item>> {
    if !input.peek(token::Paren) {
        let span = if input.is_empty() || input.peek(Token![,]) {
            key.span()
        } else {
            input.span()
        };
        return Err(wrong(span, key, expected));
    }
    let content;
    parenthesized!(content in input);
    let mut out = Vec::new();
    while !content.is_empty() {
        let span = content.span();
        let read = item(&content).map_err(|_| wrong(span, key, expected));
        let read = read.and_then(|item| {
            out.push(item);
            match content.is_empty() {
                true => Ok(()),
                false => content.parse::<Token![,]>().map(|_| ()),
            }
        });
        if let Err(error) = read {
            // what is left over would be a second error
            content.parse::<TokenStream>()?;
            return Err(error);
        }
    }
    if out.is_empty() {
        return Err(wrong(key.span(), key, expected));
    }
    Ok(out)
}

fn items(draft: &Draft) -> impl Iterator<Item = &Item> {
    let given = [&draft.args.carry, &draft.args.drop].into_iter().flatten();
    given.flat_map(|given: &Given<Vec<Item>>| &given.value)
}

/// An object is spoken of once, by its name.
pub(crate) fn check(drafts: &[Draft], errors: &Errors) {
    let mut seen: Vec<String> = Vec::new();
    for item in drafts.iter().flat_map(items) {
        let name = item.name.value();
        if name.is_empty() {
            let help = keys::help(keys::CARRY);
            errors.at(&item.name, format!("the object's name is empty\n{help}"));
        }
        if seen.contains(&name) {
            let message = format!("`{name}` is spoken of twice\nhelp: keep one of the two");
            errors.at(&item.name, message);
        }
        seen.push(name);
    }
}

/// What the annotation says; what is carried is over the new column, and the database can read it.
pub(crate) fn carried(draft: &Draft, errors: &Errors) -> Vec<Carried> {
    let (new, old) = (draft.new_names(), draft.old_names());
    let new: Vec<&str> = new.iter().map(String::as_str).collect();
    let other: Vec<&str> = match draft.args.rename_from {
        Some(_) => old.iter().map(String::as_str).collect(),
        None => Vec::new(),
    };
    let cut = |grammar, literal: LitStr| {
        let parts = cut(&literal.value(), grammar, &new, &other);
        let parts = parts.unwrap_or_else(|flaw| {
            refuse(draft, &literal, flaw, errors);
            Vec::new()
        });
        Sql { literal, parts }
    };
    items(draft)
        .map(|item| Carried {
            name: item.name.clone(),
            sql: item.sql.clone().map(|sql| sql.map(cut)),
        })
        .collect()
}

fn refuse(draft: &Draft, literal: &LitStr, flaw: Flaw, errors: &Errors) {
    let flaw = match flaw {
        // which columns there are is not known then
        Flaw::NeverNames { .. } | Flaw::NamesOther { .. } if draft.args.is_broken => return,
        Flaw::NamesOther { found, column } => {
            format!("`{found}` is the old column, which will be gone\nhelp: write `{column}`")
        }
        Flaw::NeverNames { column } => format!(
            "the column `{column}` is not in it\nhelp: what the new column is not to have stands in `{}`",
            keys::format(keys::DROP)
        ),
        flaw => flaw.to_string(),
    };
    errors.at(literal, format!("`{}`: {flaw}", keys::CARRY));
}

//! `#[migrate(…)]` as written: every key keeps its token, so that errors can point at it.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{
    parenthesized, parse_quote, token, Attribute, ExprPath, Ident, LitBool, LitInt, LitStr, Path,
    Token, Type,
};

use crate::carry;
use crate::errors::Errors;
use crate::keys;
use crate::migration::{PerDialect, Strategy};
use crate::names;

/// A key and its value.
#[derive(Debug, Clone)]
pub(crate) struct Given<T> {
    pub(crate) key: Ident,
    pub(crate) value: T,
}

/// Whether and as what the repository type is generated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Repository {
    /// Under the name made from the struct's.
    #[default]
    Default,
    /// Under this name.
    Named(Ident),
    /// `repository = false`.
    Off,
}

/// The keys of a struct or table.
#[derive(Debug, Default)]
pub(crate) struct MigrationArgs {
    pub(crate) id: Option<Given<LitStr>>,
    pub(crate) generation: Option<Given<LitInt>>,
    pub(crate) repository: Option<Given<Repository>>,
    pub(crate) krate: Option<Given<Path>>,
}

impl MigrationArgs {
    /// From a struct's attributes.
    pub(crate) fn from_attributes(attributes: &[Attribute], errors: &Errors) -> Self {
        let mut args = MigrationArgs::default();
        for_each_item(attributes, keys::ID, errors, |key, input| {
            if keys::ON_CHANGE.iter().any(|known| key == known) {
                return Err(syn::Error::new(
                    key.span(),
                    format!(
                        "`{key}` belongs on the field that changes, not on the struct\n{}",
                        keys::help(&key.to_string())
                    ),
                ));
            }
            args.item(key, input, keys::ON_STRUCT)
        });
        args
    }

    /// One item, the key of which is already read.
    pub(crate) fn item(
        &mut self,
        key: Ident,
        input: ParseStream<'_>,
        valid: &[&str],
    ) -> syn::Result<()> {
        match key.to_string().as_str() {
            name if !valid.contains(&name) => Err(unknown(&key, valid)),
            keys::ID => set(&mut self.id, key, input, string),
            keys::GENERATION => set(&mut self.generation, key, input, |key, input| {
                value(key, input, "an integer")
            }),
            keys::REPOSITORY => set(&mut self.repository, key, input, repository),
            keys::CRATE => set(&mut self.krate, key, input, crate_path),
            _ => Err(unknown(&key, valid)),
        }
    }

    /// The path to the core crate.
    pub(crate) fn krate(&self) -> Path {
        self.krate.as_ref().map_or_else(
            || parse_quote!(::expand_contract),
            |given| given.value.clone(),
        )
    }
}

/// The keys of a change.
#[derive(Debug, Default)]
pub(crate) struct ChangeArgs {
    pub(crate) rename_from: Option<Given<LitStr>>,
    pub(crate) retype_from: Option<Given<Type>>,
    pub(crate) old_type: Option<Given<Type>>,
    pub(crate) new_type: Option<Given<Type>>,
    pub(crate) up: Option<Given<PerDialect<LitStr>>>,
    pub(crate) down: Option<Given<PerDialect<LitStr>>>,
    pub(crate) up_with: Option<Given<ExprPath>>,
    pub(crate) down_with: Option<Given<ExprPath>>,
    pub(crate) lossless: Option<Given<()>>,
    pub(crate) monotonic: Option<Given<()>>,
    pub(crate) sql_type: Option<Given<PerDialect<LitStr>>>,
    pub(crate) via: Option<Given<LitStr>>,
    pub(crate) strategy: Option<Given<Strategy>>,
    pub(crate) carry: Option<Given<Vec<carry::Item>>>,
    pub(crate) drop: Option<Given<Vec<carry::Item>>>,
    /// Whether something could not be read: then no rule may complain that a key is missing.
    pub(crate) is_broken: bool,
}

impl ChangeArgs {
    /// From a field's attributes; `None` without a `#[migrate(…)]`.
    pub(crate) fn from_attributes(attributes: &[Attribute], errors: &Errors) -> Option<Self> {
        let mut args = ChangeArgs::default();
        let before = errors.count();
        let found = for_each_item(attributes, keys::RENAME_FROM, errors, |key, input| {
            if keys::ON_STRUCT.iter().any(|known| key == known) {
                return Err(syn::Error::new(
                    key.span(),
                    format!(
                        "`{key}` belongs on the struct, not on a field\n{}",
                        keys::help(&key.to_string())
                    ),
                ));
            }
            args.item(key, input, errors)
        });
        args.is_broken = errors.count() > before;
        found.then_some(args)
    }

    /// From what stands in the parentheses behind a column's name.
    pub(crate) fn from_list(input: ParseStream<'_>, errors: &Errors) -> Self {
        let mut args = ChangeArgs::default();
        let before = errors.count();
        read_items(input, errors, |key, input| args.item(key, input, errors));
        args.is_broken = errors.count() > before;
        args
    }

    fn item(&mut self, key: Ident, input: ParseStream<'_>, errors: &Errors) -> syn::Result<()> {
        let dialects = |key: &Ident, input: ParseStream<'_>| per_dialect(key, input, errors);
        match key.to_string().as_str() {
            keys::RENAME_FROM => set(&mut self.rename_from, key, input, string),
            keys::RETYPE_FROM => set(&mut self.retype_from, key, input, sql_type),
            keys::OLD_TYPE => set(&mut self.old_type, key, input, |key, input| {
                value(key, input, "a type")
            }),
            keys::NEW_TYPE => set(&mut self.new_type, key, input, |key, input| {
                value(key, input, "a type")
            }),
            keys::UP => set(&mut self.up, key, input, dialects),
            keys::DOWN => set(&mut self.down, key, input, dialects),
            keys::UP_WITH => set(&mut self.up_with, key, input, function),
            keys::DOWN_WITH => set(&mut self.down_with, key, input, function),
            keys::LOSSLESS => set(&mut self.lossless, key, input, flag),
            keys::MONOTONIC => set(&mut self.monotonic, key, input, flag),
            keys::SQL_TYPE => set(&mut self.sql_type, key, input, dialects),
            keys::VIA => set(&mut self.via, key, input, string),
            keys::STRATEGY => set(&mut self.strategy, key, input, strategy),
            keys::CARRY => set(&mut self.carry, key, input, |key, input| {
                carry::carry(key, input, errors)
            }),
            keys::DROP => set(&mut self.drop, key, input, carry::drops),
            _ => Err(unknown(&key, keys::ON_CHANGE)),
        }
    }
}

/// Calls `item` for every key in the `#[migrate(…)]`s; whether there was one.
fn for_each_item(
    attributes: &[Attribute],
    example: &str,
    errors: &Errors,
    mut item: impl FnMut(Ident, ParseStream<'_>) -> syn::Result<()>,
) -> bool {
    let mut found = false;
    for attribute in attributes
        .iter()
        .filter(|a| a.path().is_ident(keys::ATTRIBUTE))
    {
        found = true;
        if attribute.meta.require_list().is_err() {
            errors.at(
                &attribute.meta,
                format!("expected parentheses with keys\n{}", keys::help(example)),
            );
            continue;
        }
        let read = attribute.parse_args_with(|input: ParseStream<'_>| {
            read_items(input, errors, &mut item);
            Ok(())
        });
        errors.take(read);
    }
    found
}

/// Reads `item, item, …`; behind a wrong item it goes on, so that all errors are found.
pub(crate) fn read_items(
    input: ParseStream<'_>,
    errors: &Errors,
    mut item: impl FnMut(Ident, ParseStream<'_>) -> syn::Result<()>,
) {
    while !input.is_empty() {
        let read = input
            .call(Ident::parse_any)
            .and_then(|key| item(key, input));
        if let Err(error) = read {
            errors.push(error);
            skip_item(input);
        } else if !input.is_empty() && !input.peek(Token![,]) {
            errors.push(input.error("expected `,`"));
            skip_item(input);
        }
        if input.peek(Token![,]) {
            errors.take(input.parse::<Token![,]>());
        }
    }
}

/// Up to the next comma that is not between `<` and `>`.
pub(crate) fn skip_item(input: ParseStream<'_>) {
    let mut depth = 0_u32;
    while !(input.is_empty() || depth == 0 && input.peek(Token![,])) {
        match input.parse() {
            Ok(proc_macro2::TokenTree::Punct(punct)) if punct.as_char() == '<' => depth += 1,
            Ok(proc_macro2::TokenTree::Punct(punct)) if punct.as_char() == '>' => {
                depth = depth.saturating_sub(1)
            }
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

fn set<T>(
    slot: &mut Option<Given<T>>,
    key: Ident,
    input: ParseStream<'_>,
    parse: impl FnOnce(&Ident, ParseStream<'_>) -> syn::Result<T>,
) -> syn::Result<()> {
    let value = parse(&key, input)?;
    if slot.is_some() {
        return Err(syn::Error::new(
            key.span(),
            format!("`{key}` is given twice\nhelp: keep one of them"),
        ));
    }
    *slot = Some(Given { key, value });
    Ok(())
}

pub(crate) fn wrong(span: Span, key: &Ident, expected: &str) -> syn::Error {
    let help = keys::help(&key.to_string());
    syn::Error::new(span, format!("expected {expected}\n{help}"))
}

fn unknown(key: &Ident, valid: &[&str]) -> syn::Error {
    let help = match names::nearest(&key.to_string(), valid.iter().copied()) {
        Some(nearest) => format!("did you mean `{nearest}`?\n{}", keys::help(nearest)),
        None => format!("expected one of `{}`", valid.join("`, `")),
    };
    syn::Error::new(key.span(), format!("unknown key `{key}`, {help}"))
}

fn equals(key: &Ident, input: ParseStream<'_>, expected: &str) -> syn::Result<()> {
    if !input.peek(Token![=]) {
        let span = if input.is_empty() || input.peek(Token![,]) {
            key.span()
        } else {
            input.span()
        };
        return Err(wrong(
            span,
            key,
            &format!("`=` and {expected} behind `{key}`"),
        ));
    }
    input.parse::<Token![=]>().map(drop)
}

fn value<T: Parse>(key: &Ident, input: ParseStream<'_>, expected: &str) -> syn::Result<T> {
    equals(key, input, expected)?;
    let span = if input.is_empty() {
        key.span()
    } else {
        input.span()
    };
    input.parse().map_err(|_| wrong(span, key, expected))
}

fn string(key: &Ident, input: ParseStream<'_>) -> syn::Result<LitStr> {
    value(key, input, "a string literal")
}

fn sql_type(key: &Ident, input: ParseStream<'_>) -> syn::Result<Type> {
    value(key, input, "one of Diesel's SQL types, without quotes")
}

fn function(key: &Ident, input: ParseStream<'_>) -> syn::Result<ExprPath> {
    value(key, input, "the path of a function")
}

fn flag(key: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(());
    }
    Err(wrong(
        input.span(),
        key,
        &format!("nothing behind `{key}`, which takes no value"),
    ))
}

fn strategy(key: &Ident, input: ParseStream<'_>) -> syn::Result<Strategy> {
    let [copy, in_place] = keys::STRATEGIES else {
        return Err(syn::Error::new(key.span(), "no strategy is known"));
    };
    let expected = format!("`{copy}` or `{in_place}`, without quotes");
    equals(key, input, &expected)?;
    let span = if input.is_empty() {
        key.span()
    } else {
        input.span()
    };
    let value = input.call(Ident::parse_any).map(|ident| ident.to_string());
    match value {
        Ok(value) if value == *copy => Ok(Strategy::Copy),
        Ok(value) if value == *in_place => Ok(Strategy::InPlace),
        _ => Err(wrong(span, key, &expected)),
    }
}

fn repository(key: &Ident, input: ParseStream<'_>) -> syn::Result<Repository> {
    const EXPECTED: &str = "the name of a type as a string, or `false`";
    equals(key, input, EXPECTED)?;
    let span = if input.is_empty() {
        key.span()
    } else {
        input.span()
    };
    if input.peek(LitBool) {
        return match input.parse::<LitBool>()?.value {
            false => Ok(Repository::Off),
            true => Ok(Repository::Default),
        };
    }
    let name: LitStr = input.parse().map_err(|_| wrong(span, key, EXPECTED))?;
    name.parse()
        .map(Repository::Named)
        .map_err(|_| wrong(span, key, EXPECTED))
}

fn crate_path(key: &Ident, input: ParseStream<'_>) -> syn::Result<Path> {
    const EXPECTED: &str = "a path as a string";
    equals(key, input, EXPECTED)?;
    let span = if input.is_empty() {
        key.span()
    } else {
        input.span()
    };
    let path = if input.peek(LitStr) {
        input.parse::<LitStr>()?.parse_with(Path::parse_mod_style)
    } else {
        input.call(Path::parse_mod_style)
    };
    path.map_err(|_| wrong(span, key, EXPECTED))
}

/// `key = "…"` or `key(postgres = "…", sqlite = "…", any = "…")`.
fn per_dialect(
    key: &Ident,
    input: ParseStream<'_>,
    errors: &Errors,
) -> syn::Result<PerDialect<LitStr>> {
    if !input.peek(token::Paren) {
        return Ok(PerDialect {
            any: Some(string(key, input)?),
            ..PerDialect::default()
        });
    }
    per_dialect_of(key, input, errors)
}

/// `(postgres = "…", sqlite = "…", any = "…")`.
pub(crate) fn per_dialect_of(
    key: &Ident,
    input: ParseStream<'_>,
    errors: &Errors,
) -> syn::Result<PerDialect<LitStr>> {
    let content;
    parenthesized!(content in input);
    let (mut any, mut postgres, mut sqlite) = (None, None, None);
    let mut items = 0;
    read_items(&content, errors, |dialect, input| {
        items += 1;
        match dialect.to_string().as_str() {
            keys::ANY => set(&mut any, dialect, input, string),
            keys::POSTGRES => set(&mut postgres, dialect, input, string),
            keys::SQLITE => set(&mut sqlite, dialect, input, string),
            _ => Err(unknown_dialect(key, &dialect)),
        }
    });
    if items == 0 {
        return Err(wrong(
            key.span(),
            key,
            &format!("something in the parentheses of `{key}`"),
        ));
    }
    let literal = |given: Option<Given<LitStr>>| given.map(|given| given.value);
    Ok(PerDialect {
        any: literal(any),
        postgres: literal(postgres),
        sqlite: literal(sqlite),
    })
}

fn unknown_dialect(key: &Ident, dialect: &Ident) -> syn::Error {
    let guess = names::nearest(&dialect.to_string(), keys::DIALECTS.iter().copied());
    let guess = guess.map_or_else(String::new, |nearest| {
        format!(", did you mean `{nearest}`?")
    });
    let valid: Vec<&str> = keys::DIALECTS.iter().copied().map(keys::format).collect();
    syn::Error::new(
        dialect.span(),
        format!(
            "unknown dialect `{dialect}`{guess}\nhelp: the correct format looks like `#[{}({key}({}))]`",
            keys::ATTRIBUTE,
            valid.join(", ")
        ),
    )
}

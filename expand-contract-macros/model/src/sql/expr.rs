//! From tokens to parts: which names are the column.

use syn::LitStr;

use super::flaw::Flaw;
use super::lexer::{is_reserved, lex, Grammar, Kind, Token};
use crate::migration::PerDialect;

/// A piece of an SQL expression over one column.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Part {
    /// SQL as written.
    Sql(String),
    /// A mention of the column.
    Column,
}

/// An SQL expression over one column, as written and cut.
#[derive(Debug, Clone)]
pub struct Sql {
    /// The literal in the annotation.
    pub literal: LitStr,
    /// What it says.
    pub parts: Vec<Part>,
}

/// An SQL expression that may differ by dialect.
pub type SqlExpr = PerDialect<Sql>;

/// Cuts an expression over the column that is called by any of `column`; `other` are names of the migration's other
/// column, which must not occur.
///
/// A name is the column if it equals it (unquoted: whatever the case of ASCII letters; quoted: exactly) and does not
/// stand where only a function, a type, a qualified name or a parameter can.
pub fn cut(
    source: &str,
    grammar: Grammar,
    column: &[&str],
    other: &[&str],
) -> Result<Vec<Part>, Flaw> {
    let tokens = lex(source, grammar)?;
    let significant: Vec<usize> = (0..tokens.len())
        .filter(|i| tokens[*i].kind != Kind::Blank)
        .collect();
    if significant.is_empty() {
        return Err(Flaw::Empty);
    }
    let mut is_mention = vec![false; tokens.len()];
    for (place, &i) in significant.iter().enumerate() {
        let at = |place: usize| significant.get(place).map(|&i| &tokens[i]);
        let before = |n: usize| place.checked_sub(n).and_then(at);
        if !could_be_column(before(1), before(2), at(place + 1)) {
            continue;
        }
        if is_named(&tokens[i], column) {
            is_mention[i] = true;
        } else if is_named(&tokens[i], other) {
            return Err(Flaw::NamesOther {
                found: tokens[i].text.to_owned(),
                column: written(column),
            });
        }
    }
    if !is_mention.contains(&true) {
        return Err(Flaw::NeverNames {
            column: written(column),
        });
    }
    let mut parts = Vec::new();
    for (token, is_mention) in tokens.iter().zip(is_mention) {
        match (parts.last_mut(), is_mention) {
            (_, true) => parts.push(Part::Column),
            (Some(Part::Sql(sql)), false) => sql.push_str(token.text),
            (_, false) => parts.push(Part::Sql(token.text.to_owned())),
        }
    }
    Ok(parts)
}

fn is_named(token: &Token<'_>, names: &[&str]) -> bool {
    match &token.kind {
        Kind::Word { name, quoted: true } => names.contains(&name.as_str()),
        Kind::Word {
            name,
            quoted: false,
        } => !is_reserved(name) && names.iter().any(|column| column.eq_ignore_ascii_case(name)),
        _ => false,
    }
}

/// Whether the place between these neighbours is one for a column.
fn could_be_column(
    before: Option<&Token<'_>>,
    before_that: Option<&Token<'_>>,
    after: Option<&Token<'_>>,
) -> bool {
    let type_or_qualified = before.is_some_and(|token| {
        token.is_word("as")
            || token.is_word("collate")
            || token.is_symbol("::")
            || token.is_symbol(".")
    });
    // `name(…)`, `name.…`, `name => …`; `date '2026-01-01'`: no operand can follow a column.
    let function_or_qualifier = after.is_some_and(|token| {
        token.is_symbol("(")
            || token.is_symbol(".")
            || token.is_symbol("=>")
            || token.kind == Kind::Text
    });
    // `extract(year from …)`.
    let date_part = before.is_some_and(|token| token.is_symbol("("))
        && before_that.is_some_and(|token| token.is_word("extract"))
        && after.is_some_and(|token| token.is_word("from"));
    !type_or_qualified && !function_or_qualifier && !date_part
}

/// How the column is written in SQL: quoted where it must be.
fn written(names: &[&str]) -> String {
    let name = names.first().copied().unwrap_or_default();
    let plain = name.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic())
        && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
        && !is_reserved(name);
    if plain {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

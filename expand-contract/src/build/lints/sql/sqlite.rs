//! What SQLite takes and the parser does not.

use sqlparser::tokenizer::{Token, TokenWithSpan};

/// What follows a column's type, or begins a constraint of the table.
const NO_TYPE: &[&str] = &[
    "AS",
    "AUTOINCREMENT",
    "CHECK",
    "COLLATE",
    "CONSTRAINT",
    "DEFAULT",
    "FOREIGN",
    "GENERATED",
    "NOT",
    "NULL",
    "ON",
    "PRIMARY",
    "REFERENCES",
    "UNIQUE",
];

/// Types of several words (`UNSIGNED BIG INT`, `NATIVE CHARACTER(70)`) by their last one; none if there are no such types.
///
/// A type is any row of names there; the last word is the one that tells integers from texts.
pub(super) fn with_short_types(tokens: &[TokenWithSpan]) -> Option<Vec<TokenWithSpan>> {
    let word = |token: &TokenWithSpan| match &token.token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_ascii_uppercase()),
        _ => None,
    };
    let is_type =
        |token: &TokenWithSpan| word(token).is_some_and(|word| !NO_TYPE.contains(&word.as_str()));
    let mut short = Vec::with_capacity(tokens.len());
    let mut depth = 0usize;
    let mut rest = tokens;
    while let [token, others @ ..] = rest {
        short.push(token.clone());
        rest = others;
        let begins_a_column = match &token.token {
            Token::LParen => {
                depth += 1;
                depth == 1
            }
            Token::RParen => {
                depth = depth.saturating_sub(1);
                false
            }
            Token::Comma => depth == 1,
            // ALTER TABLE t ADD [COLUMN] …
            _ => depth == 0 && word(token).is_some_and(|word| word == "ADD" || word == "COLUMN"),
        };
        let is_named = match rest.first() {
            Some(name) if word(name).is_some() => {
                is_type(name) && word(name).as_deref() != Some("COLUMN")
            }
            Some(name) => matches!(
                name.token,
                Token::Word(_) | Token::SingleQuotedString(_) | Token::DoubleQuotedString(_)
            ),
            None => false,
        };
        if !begins_a_column || !is_named {
            continue;
        }
        let (name, others) = rest.split_at(1);
        short.extend_from_slice(name);
        let words = others.iter().take_while(|token| is_type(token)).count();
        rest = &others[words.saturating_sub(1)..];
    }
    (short.len() < tokens.len()).then_some(short)
}

//! A statement as its words.

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart};
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::op::Name;
use crate::build::finding::Position;
use crate::build::lints::Database;

/// Separates the schema from the name in [`Name::key`]: no name has it.
const SEPARATOR: char = '\u{1}';

/// Reads a statement word by word.
#[derive(Clone, Copy)]
pub(crate) struct Words<'a> {
    tokens: &'a [TokenWithSpan],
    next: usize,
    database: Database,
}

impl<'a> Words<'a> {
    pub(crate) fn new(tokens: &'a [TokenWithSpan], database: Database) -> Self {
        Words {
            tokens,
            next: 0,
            database,
        }
    }

    /// How many tokens are behind.
    pub(crate) fn position(&self) -> usize {
        self.next
    }

    /// Where the next token is.
    pub(crate) fn at(&self) -> Position {
        let token = self.tokens.get(self.next).or(self.tokens.last());
        token.map_or(Position::START, |token| token.span.start.into())
    }

    pub(crate) fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.next).map(|token| &token.token)
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.next >= self.tokens.len()
    }

    /// The next token in upper case if it is an unquoted word, without moving.
    pub(crate) fn word(&self) -> Option<String> {
        match self.peek()? {
            Token::Word(word) if word.quote_style.is_none() => {
                Some(word.value.to_ascii_uppercase())
            }
            _ => None,
        }
    }

    /// The next word, and moves behind it.
    pub(crate) fn take_word(&mut self) -> Option<String> {
        let word = self.word()?;
        self.next += 1;
        Some(word)
    }

    pub(crate) fn skip(&mut self) {
        self.next += 1;
    }

    /// Moves behind `words` (separated by spaces) if they come next.
    pub(crate) fn eat(&mut self, words: &str) -> bool {
        let mut ahead = *self;
        for word in words.split(' ') {
            if ahead.word().as_deref() != Some(word) {
                return false;
            }
            ahead.next += 1;
        }
        *self = ahead;
        true
    }

    /// Moves behind the token if it comes next.
    pub(crate) fn eat_token(&mut self, token: &Token) -> bool {
        let is_next = self.peek() == Some(token);
        self.next += usize::from(is_next);
        is_next
    }

    /// A possibly qualified name.
    pub(crate) fn name(&mut self) -> Option<Name> {
        let mut parts = Vec::new();
        loop {
            let part = match self.peek()? {
                Token::Word(word) => (word.value.clone(), word.quote_style.is_some()),
                // SQLite takes a string for a name
                Token::SingleQuotedString(text) if self.database == Database::Sqlite => {
                    (text.clone(), true)
                }
                _ => return None,
            };
            self.next += 1;
            parts.push(part);
            if !self.eat_token(&Token::Period) {
                return name_of(parts, self.database);
            }
        }
    }

    /// Whether the word stands anywhere outside of parentheses.
    pub(crate) fn has(&self, words: &str) -> bool {
        let mut ahead = *self;
        let mut depth = 0usize;
        while !ahead.is_at_end() {
            match ahead.peek() {
                Some(Token::LParen) => depth += 1,
                Some(Token::RParen) => depth = depth.saturating_sub(1),
                _ if depth == 0 && ahead.eat(words) => return true,
                _ => {}
            }
            ahead.next += 1;
        }
        false
    }

    /// Whether the word stands anywhere at all.
    pub(crate) fn mentions(&self, words: &str) -> bool {
        let mut ahead = *self;
        while !ahead.is_at_end() {
            if ahead.eat(words) {
                return true;
            }
            ahead.next += 1;
        }
        false
    }

    /// The tokens between the commas outside of parentheses, with where each begins.
    pub(crate) fn split_at_commas(&self) -> Vec<&'a [TokenWithSpan]> {
        let rest = self.tokens.get(self.next..).unwrap_or_default();
        let mut depth = 0usize;
        rest.split(|token| {
            match token.token {
                Token::LParen | Token::LBracket => depth += 1,
                Token::RParen | Token::RBracket => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && token.token == Token::Comma
        })
        .collect()
    }

    /// `CREATE TRIGGER`, `FUNCTION`, `PROCEDURE`, `EVENT`: what may hold statements of its own.
    pub(crate) fn declares_a_body(mut self) -> bool {
        if !self.eat("CREATE") {
            return false;
        }
        // OR REPLACE, TEMP, CONSTRAINT, DEFINER = 'me'@'here', …
        for _ in 0..12 {
            match self.word().as_deref() {
                Some("TRIGGER" | "FUNCTION" | "PROCEDURE" | "EVENT") => return true,
                Some("TABLE" | "INDEX" | "VIEW" | "TYPE" | "SCHEMA") => return false,
                _ => self.next += 1,
            }
        }
        false
    }
}

/// A name from the parser's tree.
pub(crate) fn object_name(name: &ObjectName, database: Database) -> Option<Name> {
    let parts = name.0.iter().map(|part| match part {
        ObjectNamePart::Identifier(ident) => {
            Some((ident.value.clone(), ident.quote_style.is_some()))
        }
        ObjectNamePart::Function(_) => None,
    });
    name_of(parts.collect::<Option<_>>()?, database)
}

/// A name from the parser's tree.
pub(crate) fn ident(ident: &Ident, database: Database) -> Name {
    let text = ident.value.clone();
    Name {
        key: folded(&text, ident.quote_style.is_some(), database),
        text,
    }
}

/// A name as code declares it: exactly as the database has it.
pub(crate) fn declared(schema: Option<&str>, text: &str, database: Database) -> Name {
    let parts = schema.into_iter().chain([text]);
    let parts: Vec<_> = parts.map(|part| (part.to_string(), true)).collect();
    name_of(parts, database).unwrap_or(Name {
        key: text.to_string(),
        text: text.to_string(),
    })
}

fn name_of(parts: Vec<(String, bool)>, database: Database) -> Option<Name> {
    let text = parts.last()?.0.clone();
    let mut keys: Vec<String> = parts
        .iter()
        .map(|(text, quoted)| folded(text, *quoted, database))
        .collect();
    let default = match database {
        Database::Postgres => "public",
        Database::Sqlite => "main",
        Database::Mysql => "",
    };
    if keys.len() == 2 && keys[0] == default {
        keys.remove(0);
    }
    Some(Name {
        key: keys.join(&SEPARATOR.to_string()),
        text,
    })
}

/// PostgreSQL folds what is not quoted; SQLite and MySQL compare without case (MySQL's tables: mostly).
fn folded(text: &str, quoted: bool, database: Database) -> String {
    match database {
        Database::Postgres if quoted => text.to_string(),
        _ => text.to_ascii_lowercase(),
    }
}

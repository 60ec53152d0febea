//! From the text of a script to its operations.
//!
//! The parser's tokenizer cuts the text; the statements between the semicolons are read one by one, so that one that the
//! parser does not know costs no other. What changes a table goes through the parser, each action of an `ALTER TABLE` by
//! itself; what the parser has no words for (`DROP INDEX CONCURRENTLY`, `REINDEX`, `CLUSTER`, …) is read from its words.
//! The bodies of functions and triggers are not looked into: they run later.

mod alter;
mod convert;
mod create;
pub(crate) mod op;
mod others;
mod read;
mod sqlite;
mod types;
mod words;

use std::panic::{self, AssertUnwindSafe};

use sqlparser::dialect::{Dialect, MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer, Whitespace};

use crate::build::finding::Position;
use crate::build::lints::Database;
pub(crate) use types::{keeps_its_rows, Kept};
pub(crate) use words::declared;
use words::Words;

/// The longest statement that goes to the parser, in tokens: its trees nest as deep as a statement is long.
const MAX_TOKENS: usize = 20_000;

/// A script, read.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) statements: Vec<Statement>,
    pub(crate) comments: Vec<Comment>,
    /// From here on the text could not even be cut into words.
    pub(crate) broken: Option<(Position, String)>,
}

/// A statement.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) at: Position,
    /// Its last line.
    pub(crate) last_line: usize,
    pub(crate) ops: Vec<op::Op>,
    /// What of it was not understood.
    pub(crate) unread: Vec<Unread>,
}

/// A piece of a statement that was not understood.
#[derive(Debug)]
pub(crate) struct Unread {
    pub(crate) at: Position,
    pub(crate) why: String,
}

/// A comment.
#[derive(Debug)]
pub(crate) struct Comment {
    pub(crate) at: Position,
    pub(crate) text: String,
    pub(crate) last_line: usize,
    /// No SQL stands before it in its line.
    pub(crate) has_own_line: bool,
}

impl From<Location> for Position {
    fn from(location: Location) -> Self {
        let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).max(1);
        Position {
            line: number(location.line),
            column: number(location.column),
        }
    }
}

/// Reads a script.
pub(crate) fn read(text: &str, database: Database) -> Script {
    let dialect = dialect(database);
    let mut script = Script::default();
    let mut tokens = Vec::new();
    let cut = panic::catch_unwind(AssertUnwindSafe(|| {
        Tokenizer::new(dialect.as_ref(), text).tokenize_with_location_into_buf(&mut tokens)
    }));
    match cut {
        Ok(Ok(())) => {}
        // What is never closed begins behind the last token; the tokenizer itself names the end of the file.
        Ok(Err(error)) => {
            let at = tokens
                .last()
                .map_or(Position::START, |token| token.span.end.into());
            script.broken = Some((at, error.message));
        }
        Err(_) => script.broken = Some((Position::START, "the tokenizer gave up".into())),
    }
    script.comments = comments(&tokens);
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF));
    script.statements = statements(&tokens, database)
        .map(|tokens| statement(tokens, database, dialect.as_ref()))
        .collect();
    script
}

fn dialect(database: Database) -> Box<dyn Dialect> {
    match database {
        Database::Postgres => Box::new(PostgreSqlDialect {}),
        Database::Sqlite => Box::new(SQLiteDialect {}),
        Database::Mysql => Box::new(MySqlDialect {}),
    }
}

fn comments(tokens: &[TokenWithSpan]) -> Vec<Comment> {
    let mut comments = Vec::new();
    let mut last_line_with_sql = 0;
    for token in tokens {
        let at = Position::from(token.span.start);
        let text = match &token.token {
            Token::Whitespace(Whitespace::SingleLineComment { comment, .. }) => comment,
            Token::Whitespace(Whitespace::MultiLineComment(comment)) => comment,
            Token::Whitespace(_) => continue,
            _ => {
                last_line_with_sql = Position::from(token.span.end).line;
                continue;
            }
        };
        comments.push(Comment {
            at,
            text: text.clone(),
            last_line: at.line + text.trim_end_matches('\n').matches('\n').count(),
            has_own_line: last_line_with_sql != at.line,
        });
    }
    comments
}

/// The statements between the semicolons; those within the body of a routine or trigger separate nothing.
fn statements(
    tokens: &[TokenWithSpan],
    database: Database,
) -> impl Iterator<Item = &[TokenWithSpan]> {
    let mut rest = tokens;
    std::iter::from_fn(move || {
        while let [first, others @ ..] = rest {
            if first.token != Token::SemiColon {
                break;
            }
            rest = others;
        }
        if rest.is_empty() {
            return None;
        }
        let end = end_of_statement(rest, database);
        let (statement, others) = rest.split_at(end);
        rest = others;
        Some(statement)
    })
}

fn end_of_statement(tokens: &[TokenWithSpan], database: Database) -> usize {
    let has_body = Words::new(tokens, database).declares_a_body();
    let mut depth = 0usize;
    let word = |i: usize| match tokens.get(i).map(|token| &token.token) {
        Some(Token::Word(word)) if word.quote_style.is_none() => word.value.to_ascii_uppercase(),
        _ => String::new(),
    };
    for (i, token) in tokens.iter().enumerate() {
        match &token.token {
            Token::SemiColon if depth == 0 => return i,
            Token::Word(_) if has_body => match word(i).as_str() {
                // PostgreSQL: `BEGIN ATOMIC`; a body in quotes is one token.
                "BEGIN" if database != Database::Postgres || word(i + 1) == "ATOMIC" => depth += 1,
                "CASE" if word(i.wrapping_sub(1)) != "END" => depth += 1,
                "END" if !matches!(word(i + 1).as_str(), "IF" | "WHILE" | "LOOP" | "REPEAT") => {
                    depth = depth.saturating_sub(1);
                }
                _ => {}
            },
            _ => {}
        }
    }
    tokens.len()
}

fn statement(tokens: &[TokenWithSpan], database: Database, dialect: &dyn Dialect) -> Statement {
    let first = tokens.first().map(|token| token.span.start.into());
    let last = tokens.last().map(|token| Position::from(token.span.end));
    let at = first.unwrap_or(Position::START);
    let mut reader = read::Reader {
        tokens,
        at,
        database,
        dialect,
        ops: Vec::new(),
        unread: Vec::new(),
    };
    if tokens.len() > MAX_TOKENS && !reader.is_read_from_words() {
        reader.unread.push(Unread {
            at,
            why: format!("the statement has more than {MAX_TOKENS} words"),
        });
    } else {
        // The parser is somebody else's: if it gives up on one statement, the others are still looked at.
        let read = panic::catch_unwind(AssertUnwindSafe(|| reader.read()));
        if read.is_err() {
            reader.unread.push(Unread {
                at,
                why: "the SQL parser gave up".into(),
            });
        }
    }
    Statement {
        at,
        last_line: last.map_or(at.line, |last| last.line),
        ops: reader.ops,
        unread: reader.unread,
    }
}

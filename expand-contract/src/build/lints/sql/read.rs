//! A statement's operations, by its first words.

use sqlparser::ast;
use sqlparser::dialect::Dialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::op::{Name, Op, OpKind, Verb, Write};
use super::sqlite;
use super::words::Words;
use super::Unread;
use crate::build::finding::Position;
use crate::build::lints::Database;

/// How deep parentheses may nest; each level costs the parser a good deal of stack.
const MAX_DEPTH: usize = 50;

pub(super) struct Reader<'a> {
    pub(super) tokens: &'a [TokenWithSpan],
    pub(super) at: Position,
    pub(super) database: Database,
    pub(super) dialect: &'a dyn Dialect,
    pub(super) ops: Vec<Op>,
    pub(super) unread: Vec<Unread>,
}

/// Statements that are none of the rules' business.
const OTHERS: &[&str] = &[
    "ANALYZE",
    "ATTACH",
    "CALL",
    "CHECKPOINT",
    "CLOSE",
    "COMMENT",
    "COPY",
    "DEALLOCATE",
    "DECLARE",
    "DETACH",
    "DISCARD",
    "EXECUTE",
    "EXPLAIN",
    "FETCH",
    "FLUSH",
    "GRANT",
    "HANDLER",
    "IMPORT",
    "LISTEN",
    "LOAD",
    "LOCK",
    "NOTIFY",
    "PREPARE",
    "REASSIGN",
    "RELEASE",
    "SAVEPOINT",
    "SECURITY",
    "SELECT",
    "SHOW",
    "TABLE",
    "UNLISTEN",
    "UNLOCK",
    "USE",
    "VALUES",
];

impl<'a> Reader<'a> {
    pub(super) fn words(&self) -> Words<'a> {
        Words::new(self.tokens, self.database)
    }

    pub(super) fn push(&mut self, kind: OpKind) {
        self.push_at(self.at, kind);
    }

    pub(super) fn push_at(&mut self, at: Position, kind: OpKind) {
        self.ops.push(Op { at, kind });
    }

    /// Whether the parser is not asked, so that length does not matter.
    pub(super) fn is_read_from_words(&self) -> bool {
        let words = self.words();
        match words.word().as_deref() {
            Some("CREATE") => words.declares_a_body(),
            Some("ALTER") => false,
            _ => true,
        }
    }

    pub(super) fn read(&mut self) {
        let mut words = self.words();
        // psql prints what a `\` says; a server that gets it fails
        let Some(first) = words.take_word() else {
            return match words.peek() {
                // `(SELECT …) UNION …`
                Some(Token::LParen) => self.push(OpKind::Other),
                _ => self.not_understood("no statement begins like this"),
            };
        };
        match first.as_str() {
            "ALTER" => self.alter(words),
            "CREATE" => self.create(words),
            "DROP" => self.drop(words),
            "UPDATE" | "DELETE" | "INSERT" | "REPLACE" | "MERGE" | "WITH" => {
                self.write(self.words())
            }
            "TRUNCATE" => self.truncate(words),
            "SET" => self.set(words),
            "SELECT" | "PERFORM" if words.mentions("SET_CONFIG") => self.set_config(words),
            "RESET" => {
                let name = words.name().map_or(String::new(), |name| name.text);
                self.push(OpKind::Set {
                    name: name.to_ascii_lowercase(),
                    value: "default".into(),
                    local: true,
                });
            }
            "PRAGMA" => {
                let name = words.name().map_or(String::new(), |name| name.text);
                self.push(OpKind::Pragma {
                    name: name.to_ascii_lowercase(),
                });
            }
            "BEGIN" | "START" => self.push(OpKind::Begin),
            "COMMIT" | "END" => self.push(OpKind::Commit),
            "ROLLBACK" | "ABORT" if words.has("TO") => self.push(OpKind::Other),
            "ROLLBACK" | "ABORT" => self.push(OpKind::Rollback),
            "REINDEX" => {
                let concurrently = words.mentions("CONCURRENTLY");
                self.push(OpKind::Reindex { concurrently });
            }
            "VACUUM" => {
                let full = words.mentions("FULL");
                self.push(OpKind::Vacuum { full });
            }
            "CLUSTER" => self.push(OpKind::Cluster),
            "OPTIMIZE" => {
                words.eat("NO_WRITE_TO_BINLOG");
                words.eat("LOCAL");
                words.eat("TABLE");
                let table = words.name();
                self.push(OpKind::OptimizeTable { table });
            }
            "REFRESH" if words.eat("MATERIALIZED VIEW") => {
                let concurrently = words.eat("CONCURRENTLY");
                match words.name() {
                    Some(view) => self.push(OpKind::RefreshMaterializedView { view, concurrently }),
                    None => self.not_understood("a name is missing"),
                }
            }
            "RENAME" if self.database == Database::Mysql && words.eat("TABLE") => {
                for pair in words.split_at_commas() {
                    let mut words = Words::new(pair, self.database);
                    match (words.name(), words.eat("TO"), words.name()) {
                        (Some(table), true, Some(to)) => {
                            self.push(OpKind::RenameTable { table, to })
                        }
                        _ => self.not_understood("expected `old TO new`"),
                    }
                }
            }
            "DO" => self.push(OpKind::Do),
            "REVOKE" => self.revoke(words),
            other if OTHERS.contains(&other) => self.push(OpKind::Other),
            other => {
                let why = format!("no statement begins with `{other}`");
                self.not_understood(&why);
            }
        }
    }

    pub(super) fn not_understood(&mut self, why: &str) {
        self.unread.push(Unread {
            at: self.at,
            why: why.to_string(),
        });
    }

    /// Asks the parser.
    pub(super) fn parse(&self, tokens: Vec<TokenWithSpan>) -> Result<ast::Statement, Unread> {
        let short = match self.database {
            Database::Sqlite => sqlite::with_short_types(&tokens),
            _ => None,
        };
        // most types of several words it does know
        self.parse_once(tokens).or_else(|unread| match short {
            Some(short) => self.parse_once(short).map_err(|_| unread),
            None => Err(unread),
        })
    }

    fn parse_once(&self, tokens: Vec<TokenWithSpan>) -> Result<ast::Statement, Unread> {
        let start = tokens.first().map_or(self.at, |t| t.span.start.into());
        let last = tokens.last().map(|t| Position::from(t.span.start));
        let mut parser = Parser::new(self.dialect)
            .with_recursion_limit(MAX_DEPTH)
            .with_tokens_with_locations(tokens);
        let parsed = parser.parse_statement().and_then(|statement| {
            parser.expect_token(&Token::EOF)?;
            Ok(statement)
        });
        parsed.map_err(|error| match error {
            ParserError::ParserError(message) | ParserError::TokenizerError(message) => {
                let (why, at) = split_message(&message);
                let at = at.or(last).unwrap_or(start);
                Unread { at, why }
            }
            ParserError::RecursionLimitExceeded => Unread {
                at: start,
                why: format!("more than {MAX_DEPTH} levels deep"),
            },
        })
    }

    fn drop(&mut self, mut words: Words<'a>) {
        words.eat("TEMPORARY");
        let mut object = words.take_word().unwrap_or_default();
        if object == "MATERIALIZED" {
            words.eat("VIEW");
            object = "MATERIALIZED VIEW".into();
        } else if matches!(
            object.as_str(),
            "FOREIGN" | "TEXT" | "EVENT" | "USER" | "ACCESS"
        ) {
            while let Some(word) = words.word() {
                if !matches!(
                    word.as_str(),
                    "TABLE"
                        | "DATA"
                        | "WRAPPER"
                        | "SEARCH"
                        | "CONFIGURATION"
                        | "DICTIONARY"
                        | "PARSER"
                        | "TEMPLATE"
                        | "TRIGGER"
                        | "MAPPING"
                        | "METHOD"
                ) {
                    break;
                }
                words.skip();
                object = format!("{object} {word}");
            }
        }
        let concurrently = words.eat("CONCURRENTLY");
        let if_exists = words.eat("IF EXISTS");
        let cascade = words.has("CASCADE");
        let mut any = false;
        for part in words.split_at_commas() {
            let mut words = Words::new(part, self.database);
            let at = words.at();
            let Some(name) = words.name() else { continue };
            any = true;
            let kind = match object.as_str() {
                "TABLE" => OpKind::DropTable {
                    table: name,
                    cascade,
                    if_exists,
                },
                "INDEX" => OpKind::DropIndex {
                    name,
                    table: if words.eat("ON") { words.name() } else { None },
                    concurrently,
                    if_exists,
                    cascade,
                },
                _ => OpKind::Drop {
                    object: object.clone(),
                    name: Some(name),
                    cascade,
                    if_exists,
                },
            };
            self.push_at(at, kind);
        }
        if !any {
            match object.as_str() {
                "TABLE" | "INDEX" | "" => self.not_understood("a name is missing"),
                _ => self.push(OpKind::Drop {
                    object,
                    name: None,
                    cascade,
                    if_exists,
                }),
            }
        }
    }

    fn truncate(&mut self, mut words: Words<'a>) {
        words.eat("TABLE");
        let cascade = words.has("CASCADE");
        for part in words.split_at_commas() {
            let mut words = Words::new(part, self.database);
            words.eat("ONLY");
            match words.name() {
                Some(table) => self.push(OpKind::Truncate { table, cascade }),
                None => self.not_understood("a name is missing"),
            }
        }
    }

    fn set(&mut self, mut words: Words<'a>) {
        let mut local = false;
        while let Some(word) = words.word() {
            match word.as_str() {
                "LOCAL" => local = true,
                "SESSION" | "GLOBAL" => {}
                _ => break,
            }
            words.skip();
        }
        // about the transaction, not the session
        if matches!(words.word().as_deref(), Some("CONSTRAINTS" | "TRANSACTION")) {
            return self.push(OpKind::Other);
        }
        let Some(mut name) = words.name() else {
            return self.push(OpKind::Other); // `SET @@session.x`, `SET @x`
        };
        if name.text.eq_ignore_ascii_case("time") && words.eat("ZONE") {
            name.text = "time zone".into();
        }
        if !words.eat("TO") {
            words.eat_token(&Token::Eq);
        }
        let value = words.peek().map_or(String::new(), ToString::to_string);
        let value = value.trim_matches('\'').to_ascii_lowercase();
        self.push(OpKind::Set {
            name: name.text.to_ascii_lowercase(),
            // what is given back is not kept
            local: local || value == "default",
            value,
        });
    }

    /// `SELECT set_config('lock_timeout', '5s', true)`.
    fn set_config(&mut self, mut words: Words<'a>) {
        let mut strings = Vec::new();
        let local = words.mentions("TRUE");
        while !words.is_at_end() {
            if let Some(Token::SingleQuotedString(text)) = words.peek() {
                strings.push(text.clone());
            }
            words.skip();
        }
        match strings.as_slice() {
            [name, value, ..] => self.push(OpKind::Set {
                name: name.to_ascii_lowercase(),
                value: value.clone(),
                local,
            }),
            _ => self.push(OpKind::Other),
        }
    }

    /// `INSERT`, `UPDATE`, `DELETE`, `MERGE`, with or without a `WITH` before it.
    fn write(&mut self, mut words: Words<'a>) {
        let mut depth = 0usize;
        while !words.is_at_end() {
            let at = words.at();
            match words.peek() {
                Some(Token::LParen) => depth += 1,
                Some(Token::RParen) => depth = depth.saturating_sub(1),
                _ => {
                    let verb = match words.word().as_deref() {
                        Some("INSERT" | "REPLACE") => Some(Verb::Insert),
                        Some("UPDATE") => Some(Verb::Update),
                        Some("DELETE") => Some(Verb::Delete),
                        Some("MERGE") => Some(Verb::Merge),
                        Some("SELECT" | "VALUES") if depth == 0 => break,
                        _ => None,
                    };
                    if let Some(verb) = verb {
                        words.skip();
                        if let Some(write) = write(verb, words) {
                            self.push_at(at, OpKind::Write(write));
                        }
                        if depth == 0 {
                            return;
                        }
                    }
                }
            }
            words.skip();
        }
        if self.ops.is_empty() {
            self.push(OpKind::Other);
        }
    }
}

fn write(verb: Verb, mut words: Words<'_>) -> Option<Write> {
    // OR IGNORE, LOW_PRIORITY, INTO, FROM, ONLY, …
    if words.eat("OR") {
        words.skip();
    }
    while let Some(word) = words.word() {
        match word.as_str() {
            "LOW_PRIORITY" | "DELAYED" | "HIGH_PRIORITY" | "IGNORE" | "QUICK" | "INTO" | "FROM"
            | "ONLY" => words.skip(),
            _ => break,
        }
    }
    let table: Name = words.name()?;
    let is_bounded = match verb {
        // a query in its place copies rows; `INSERT … VALUES ((SELECT …))` does not
        Verb::Insert => !(words.has("SELECT") || words.has("TABLE") || words.has("WITH")),
        Verb::Update | Verb::Delete => words.has("WHERE") || words.has("LIMIT"),
        Verb::Merge => true,
    };
    Some(Write {
        verb,
        table,
        is_bounded,
    })
}

/// The parser writes where it stopped behind its message.
fn split_message(message: &str) -> (String, Option<Position>) {
    let number = |text: &str| {
        let digits: String = text
            .trim()
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        digits.parse::<usize>().ok().filter(|n| *n > 0)
    };
    let Some((text, place)) = message.rsplit_once(" at Line: ") else {
        return (message.to_string(), None);
    };
    let position = place.split_once(", Column: ").and_then(|(line, column)| {
        Some(Position {
            line: number(line)?,
            column: number(column)?,
        })
    });
    (text.to_string(), position)
}

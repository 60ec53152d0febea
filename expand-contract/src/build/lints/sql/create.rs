//! `CREATE …`.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::convert;
use super::op::{CreateIndex, CreateTable, OpKind};
use super::others::of_table;
use super::read::Reader;
use super::words::Words;
use crate::build::lints::Database;

impl<'a> Reader<'a> {
    pub(super) fn create(&mut self, mut words: Words<'a>) {
        let or_replace = words.eat("OR REPLACE");
        if words.declares_trigger_or_routine() {
            return self.create_other(words, or_replace);
        }
        let mut ahead = words;
        for word in ["GLOBAL", "LOCAL", "TEMP", "TEMPORARY", "UNLOGGED"] {
            ahead.eat(word);
        }
        if ahead.eat("TABLE") {
            return self.create_table(ahead);
        }
        let mut ahead = words;
        for word in ["UNIQUE", "FULLTEXT", "SPATIAL"] {
            ahead.eat(word);
        }
        if ahead.eat("INDEX") {
            return self.create_index(ahead);
        }
        if words.eat("TYPE") {
            return self.create_type(words);
        }
        if words.eat("DOMAIN") {
            let has_check = words.has("CHECK") || words.has("NOT NULL");
            return match words.name() {
                Some(name) => self.push(OpKind::CreateDomain { name, has_check }),
                None => self.not_understood("a name is missing"),
            };
        }
        self.create_other(words, or_replace);
    }

    fn create_table(&mut self, mut behind: Words<'a>) {
        let mut tokens = self.tokens.to_vec();
        if self.database == Database::Sqlite {
            without_conflict_clauses(&mut tokens);
        }
        let read = self
            .parse(tokens)
            .map(|statement| convert::create_table(&statement, self.database));
        match read {
            Ok(Some(table)) => self.push(OpKind::CreateTable(table)),
            Ok(None) => self.not_understood("not the statement it looks like"),
            Err(unread) => {
                // `LIKE … INCLUDING`, and whatever else the parser has not learnt: the name is enough to know it is new.
                let if_not_exists = behind.eat("IF NOT EXISTS");
                // or of a query, which is the database's to understand
                let is_copy = self.words().mentions("LIKE") || self.words().has("AS");
                if let Some(table) = behind.name() {
                    self.push(OpKind::CreateTable(CreateTable {
                        table,
                        columns: Vec::new(),
                        constraints: Vec::new(),
                        if_not_exists,
                        is_qualified: true,
                        temporary: false,
                        partition_of: None,
                    }));
                }
                if !is_copy {
                    self.unread.push(unread);
                }
            }
        }
    }

    fn create_index(&mut self, mut words: Words<'a>) {
        let concurrently = words.eat("CONCURRENTLY");
        let if_not_exists = words.eat("IF NOT EXISTS");
        let name = if words.word().as_deref() == Some("ON") {
            None
        } else {
            words.name()
        };
        // The parser does not know `ON ONLY`: it is asked without the word.
        let mut tokens = self.tokens.to_vec();
        let mut behind = words;
        // MySQL: `CREATE INDEX i USING BTREE ON t`
        if behind.eat("USING") {
            behind.skip();
        }
        let only = behind.eat("ON ONLY");
        if only {
            tokens.remove(behind.position() - 1);
        }
        // Nor where it lies, which stands before the condition.
        let place = tokens.iter().position(
            |token| matches!(&token.token, Token::Word(word) if word.value.eq_ignore_ascii_case("tablespace")),
        );
        if let Some(place) = place.filter(|place| *place > behind.position()) {
            tokens.drain(place..tokens.len().min(place + 2));
        }
        match self.parse(tokens) {
            Ok(statement) => match convert::create_index(&statement, self.database, only) {
                Some(index) => self.push(OpKind::CreateIndex(index)),
                None => self.not_understood("not the statement it looks like"),
            },
            Err(unread) => {
                self.unread.push(unread);
                if !only {
                    behind.eat("ON");
                }
                if let Some(table) = behind.name() {
                    self.push(OpKind::CreateIndex(CreateIndex {
                        name,
                        table,
                        columns: 1,
                        keys: Vec::new(),
                        unique: self.words().mentions("UNIQUE INDEX"),
                        concurrently,
                        if_not_exists,
                        only,
                    }));
                }
            }
        }
    }

    fn create_type(&mut self, mut words: Words<'a>) {
        let name = words.name();
        self.push(OpKind::Create {
            object: "TYPE".into(),
            name,
            on: None,
            repeatable: false,
        });
    }

    fn create_other(&mut self, words: Words<'a>, or_replace: bool) {
        let mut words = words;
        let mut object = String::new();
        for _ in 0..12 {
            let Some(word) = words.take_word() else {
                if words.is_at_end() {
                    break;
                }
                words.skip();
                continue;
            };
            object = word;
            match object.as_str() {
                "TRIGGER" | "FUNCTION" | "PROCEDURE" | "EVENT" | "VIEW" | "EXTENSION"
                | "SEQUENCE" | "SCHEMA" | "DATABASE" | "TYPE" | "POLICY" | "RULE" | "ROLE"
                | "USER" | "AGGREGATE" | "OPERATOR" | "CAST" | "COLLATION" | "CONVERSION"
                | "LANGUAGE" | "PUBLICATION" | "SUBSCRIPTION" | "SERVER" | "STATISTICS"
                | "TRANSFORM" | "TABLE" | "TABLESPACE" | "GROUP" | "ACCESS" | "EVENTS"
                | "CONFIGURATION" | "DICTIONARY" | "MAPPING" | "WRAPPER" => break,
                _ => {}
            }
        }
        let repeatable = words.eat("IF NOT EXISTS") || or_replace;
        let name = words.name();
        let on = match object.as_str() {
            "TRIGGER" | "POLICY" | "RULE" => of_table(words),
            _ => None,
        };
        self.push(OpKind::Create {
            object,
            name,
            on,
            repeatable,
        });
    }
}

/// `ON CONFLICT REPLACE`: the parser knows it behind a column, not behind a constraint of the table.
fn without_conflict_clauses(tokens: &mut Vec<TokenWithSpan>) {
    let is = |token: &TokenWithSpan, text: &str| matches!(&token.token, Token::Word(word) if word.value.eq_ignore_ascii_case(text));
    let mut at = 0;
    while at + 2 < tokens.len() {
        if is(&tokens[at], "ON") && is(&tokens[at + 1], "CONFLICT") {
            tokens.drain(at..at + 3);
        } else {
            at += 1;
        }
    }
}

impl<'a> Words<'a> {
    /// `CREATE` is behind: is it a routine or a trigger?
    fn declares_trigger_or_routine(mut self) -> bool {
        for _ in 0..12 {
            match self.word().as_deref() {
                Some("TRIGGER" | "FUNCTION" | "PROCEDURE" | "EVENT") => return true,
                Some("TABLE" | "INDEX" | "VIEW" | "TYPE" | "SCHEMA" | "DOMAIN") => return false,
                _ => self.skip(),
            }
        }
        false
    }
}

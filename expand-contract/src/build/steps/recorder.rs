//! A connection to nothing: what it is told is written down, what it is asked it does not know.

use crate::backend::conversion::{Outcome, Request};
use crate::backend::rules::Rules;
use crate::backend::session::{Session, TextRow, BIND};
use crate::definition::Dialect;
use crate::error::{Error, QueryResult};
use crate::plan::Context;

/// Takes down what the ledger's own code sends, values as literals.
pub(super) struct Recorder {
    dialect: Dialect,
    rules: &'static dyn Rules,
    pub(super) statements: Vec<String>,
}

impl Recorder {
    pub(super) fn new(cx: &Context<'_>) -> Self {
        Recorder {
            dialect: cx.table.dialect,
            rules: cx.rules,
            statements: Vec::new(),
        }
    }
}

impl Session for Recorder {
    fn dialect(&self) -> Dialect {
        self.dialect
    }

    fn batch(&mut self, sql: &str) -> QueryResult<()> {
        self.statements.push(sql.to_owned());
        Ok(())
    }

    fn execute(&mut self, sql: &str, binds: &[Option<String>]) -> QueryResult<usize> {
        let mut statement = String::new();
        let mut binds = binds.iter();
        for (i, piece) in sql.split(BIND).enumerate() {
            if i > 0 {
                match binds.next() {
                    Some(Some(value)) => statement.push_str(&self.rules.literal(value)),
                    _ => statement.push_str("NULL"),
                }
            }
            statement.push_str(piece);
        }
        self.statements.push(statement);
        Ok(1)
    }

    fn rows(&mut self, _sql: &str, _binds: &[Option<String>]) -> QueryResult<Vec<TextRow>> {
        Ok(Vec::new())
    }

    fn begin(&mut self) -> QueryResult<()> {
        Ok(())
    }

    fn commit(&mut self) -> QueryResult<()> {
        Ok(())
    }

    fn rollback(&mut self) -> QueryResult<()> {
        Ok(())
    }

    fn depth(&mut self) -> QueryResult<u32> {
        Ok(0)
    }

    fn convert(&mut self, change: usize, _request: &Request) -> Result<Outcome, Error> {
        Err(Error::Unexpected {
            what: format!("the Rust conversion of change {change} without a database"),
        })
    }
}

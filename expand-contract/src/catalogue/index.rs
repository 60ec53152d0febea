//! Indexes, and the constraints that are made of them.

use super::{Expr, Extra, Part};
use crate::definition::Dialect;

/// An index.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    pub(crate) name: String,
    pub(crate) unique: bool,
    /// The primary key's.
    pub(crate) primary: bool,
    pub(crate) valid: bool,
    /// A unique constraint: what follows its column list (`DEFERRABLE` …).
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) constraint: Option<String>,
    /// `USING btree`, or nothing.
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) method: String,
    pub(crate) keys: Vec<IndexKey>,
    /// Columns after `INCLUDE`.
    pub(crate) included: Vec<String>,
    /// Of a unique index.
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) nulls_not_distinct: bool,
    /// `WITH (…)`, with a space before it, or nothing.
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) storage: String,
    /// `TABLESPACE …`, likewise.
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) tablespace: String,
    /// The condition of a partial index.
    pub(crate) condition: Option<Expr>,
    /// What follows the table's name, where somebody has given that instead of all the above.
    pub(crate) given: Option<String>,
    /// SQLite: the statement that made it, word for word.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
    pub(crate) create_sql: String,
    /// What to set besides: SQL before and after the index's name.
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) extras: Vec<Extra>,
    /// `CLUSTER` goes by it.
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) clustered: bool,
    /// It is the table's replica identity.
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) replica_identity: bool,
    /// Of a partitioned table: what it consists of.
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) parts: Vec<Part>,
    /// Why it cannot be copied, if so.
    pub(crate) problem: Option<String>,
}

/// A column or an expression of an index.
#[derive(Debug, Clone)]
pub(crate) struct IndexKey {
    /// The column; empty for an expression.
    pub(crate) column: String,
    /// The expression.
    pub(crate) expression: Option<Expr>,
    /// Operator class and collation: they belong to the type.
    pub(crate) typed: String,
    /// `DESC`, `NULLS LAST`.
    pub(crate) order: String,
}

impl IndexKey {
    /// Whether it is an expression of which there is no text.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
    pub(crate) fn is_unread(&self) -> bool {
        self.column.is_empty() && self.expression.is_none()
    }

    pub(crate) fn mentions(&self, column: &str, dialect: Dialect) -> bool {
        match &self.expression {
            Some(expression) => expression.mentions(column, dialect),
            None => dialect.same_name(&self.column, column),
        }
    }
}

impl Index {
    /// Whether the column is anywhere in it.
    pub(crate) fn covers(&self, column: &str, dialect: Dialect) -> bool {
        let included = || {
            let mut included = self.included.iter();
            included.any(|name| dialect.same_name(name, column))
        };
        let condition = self.condition.as_ref();
        self.has_key(column, dialect)
            || included()
            || condition.is_some_and(|condition| condition.mentions(column, dialect))
    }

    /// Whether the column is in what is ordered or unique.
    pub(crate) fn has_key(&self, column: &str, dialect: Dialect) -> bool {
        self.keys.iter().any(|key| key.mentions(column, dialect))
    }

    /// All expressions: of the keys, and the condition.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &Expr> {
        let keys = self.keys.iter().filter_map(|key| key.expression.as_ref());
        keys.chain(&self.condition)
    }
}

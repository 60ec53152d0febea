//! What the database's catalogue says about a table: plain data, filled in by a backend.

pub(crate) mod expr;
mod index;
mod keys;
mod partitions;
mod tokens;

use crate::definition::{Dialect, TableName};

pub(crate) use expr::Expr;
pub(crate) use index::{Index, IndexKey};
#[cfg_attr(not(feature = "postgres-backend"), allow(unused_imports))]
pub(crate) use keys::{End, ForeignKey, Sequence, Source};
#[cfg_attr(not(feature = "postgres-backend"), allow(unused_imports))]
pub(crate) use partitions::{Part, PartKey, Partition};

/// A table.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) dialect: Dialect,
    pub(crate) name: TableName,
    /// The database's own handle (PostgreSQL: the OID), empty where there is none.
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) id: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) primary_key: Vec<String>,
    /// The columns that batches walk along: the primary key, or SQLite's rowid.
    pub(crate) cursor: Vec<KeyColumn>,
    pub(crate) indexes: Vec<Index>,
    /// PostgreSQL's CHECK constraints. SQLite has them in the table's text.
    pub(crate) checks: Vec<Check>,
    /// PostgreSQL's extended statistics.
    pub(crate) statistics: Vec<Statistics>,
    /// Out of the table and into it; none where they are not read.
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) foreign_keys: Vec<ForeignKey>,
    /// Of a partitioned table.
    pub(crate) partitions: Option<Vec<Partition>>,
    /// About how many rows there are; none if the database does not know.
    pub(crate) estimate: Option<u64>,
    /// SQLite: the table's text in the schema table.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
    pub(crate) create_sql: String,
}

/// A column.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// The type with its modifiers.
    pub(crate) type_sql: String,
    /// A `COLLATE` clause with a space before it, or nothing.
    pub(crate) collate: String,
    pub(crate) not_null: bool,
    /// PostgreSQL 18: the constraint that says so.
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) not_null_as: Option<NotNull>,
    pub(crate) default: Option<String>,
    /// Other things to be set on a copy of the column: what follows `COLUMN <name>` in SQL, see the backend.
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) extras: Vec<Extra>,
    /// The sequences that belong to it. Where it gets its values from one, `default` says so, of an identity column too.
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) sequences: Vec<Sequence>,
    /// SQLite: the column's definition, word for word.
    pub(crate) definition: String,
}

/// NOT NULL as a constraint of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
pub(crate) struct NotNull {
    pub(crate) name: String,
    /// Whether the rows that were there before it are known to keep it.
    pub(crate) validated: bool,
    /// What follows the column, with a space before it.
    pub(crate) suffix: &'static str,
    pub(crate) comment: Option<String>,
}

/// A property of a column that a copy gets too.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
pub(crate) struct Extra {
    /// SQL before the column's qualified or bare name.
    pub(crate) before: String,
    /// SQL after it.
    pub(crate) after: String,
    pub(crate) kind: ExtraKind,
}

/// When a property is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
pub(crate) enum ExtraKind {
    /// In any case.
    Plain,
    /// Only for types whose values may be stored out of line.
    LongValues,
    /// ANALYZE goes by it.
    Target,
}

impl Extra {
    /// For the object of that name, quoted.
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) fn sql(&self, name: &str) -> String {
        format!("{}{name}{}", self.before, self.after)
    }
}

/// A column that batches walk along.
#[derive(Debug, Clone)]
pub(crate) struct KeyColumn {
    /// Quoted.
    pub(crate) sql: String,
    pub(crate) type_sql: String,
}

/// A CHECK constraint.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) condition: Expr,
    /// All rows are known to satisfy it.
    pub(crate) validated: bool,
    /// New and changed rows are checked.
    pub(crate) enforced: bool,
    /// What follows the condition: ` NO INHERIT`.
    pub(crate) suffix: String,
    pub(crate) comment: Option<String>,
    /// Somebody has named it; of the others SQLite has but the text, which stands for the name.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
    pub(crate) named: bool,
    /// SQLite: the column in whose definition it stands.
    pub(crate) column: Option<String>,
}

/// An extended statistics object.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
pub(crate) struct Statistics {
    pub(crate) name: String,
    /// Its schema, quoted, with a dot behind it: it may be another one than the table's.
    pub(crate) schema: String,
    /// `(ndistinct, mcv)` with a space before it, or nothing.
    pub(crate) kinds: String,
    /// Columns and expressions.
    pub(crate) on: Expr,
    /// Whether there are any expressions.
    pub(crate) expressions: bool,
    /// What to set besides: SQL before and after the object's name.
    pub(crate) extras: Vec<Extra>,
}

impl Table {
    /// The quoted name.
    pub(crate) fn sql(&self) -> String {
        self.name.quoted(self.dialect)
    }

    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        let mut columns = self.columns.iter();
        columns.find(|column| self.dialect.same_name(&column.name, name))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.column(name).is_some()
    }

    pub(crate) fn index(&self, name: &str) -> Option<&Index> {
        self.indexes.iter().find(|index| index.name == name)
    }

    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) fn statistics(&self, name: &str) -> Option<&Statistics> {
        let mut all = self.statistics.iter();
        all.find(|statistics| statistics.name == name)
    }

    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) fn check(&self, name: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.name == name)
    }
}

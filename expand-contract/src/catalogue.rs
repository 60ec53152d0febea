//! What the database's catalogue says about a table: plain data, filled in by a backend.

mod keys;

use crate::definition::{Dialect, TableName};
#[cfg_attr(not(feature = "postgres-backend"), allow(unused_imports))]
pub(crate) use keys::{End, ForeignKey, Sequence, Source};

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
    /// Out of the table and into it; none where they are not read.
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) foreign_keys: Vec<ForeignKey>,
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

/// A property of a column that a copy gets too.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
pub(crate) struct Extra {
    /// SQL before the column's qualified or bare name.
    pub(crate) before: String,
    /// SQL after it.
    pub(crate) after: String,
    /// Only where the type stays.
    pub(crate) same_type: bool,
}

/// A column that batches walk along.
#[derive(Debug, Clone)]
pub(crate) struct KeyColumn {
    /// Quoted.
    pub(crate) sql: String,
    pub(crate) type_sql: String,
}

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
    /// What follows the lists.
    pub(crate) suffix: String,
    /// Why it cannot be copied, if so.
    pub(crate) problem: Option<String>,
}

/// A column of an index.
#[derive(Debug, Clone)]
pub(crate) struct IndexKey {
    pub(crate) column: String,
    /// Operator class and collation: they belong to the type.
    pub(crate) typed: String,
    /// `DESC`, `NULLS LAST`.
    pub(crate) order: String,
}

impl Table {
    /// The quoted name.
    pub(crate) fn sql(&self) -> String {
        self.name.quoted(self.dialect)
    }

    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| match self.dialect {
            Dialect::Sqlite => column.name.eq_ignore_ascii_case(name),
            Dialect::Postgres => column.name == name,
        })
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.column(name).is_some()
    }

    pub(crate) fn index(&self, name: &str) -> Option<&Index> {
        self.indexes.iter().find(|index| index.name == name)
    }
}

impl Index {
    pub(crate) fn covers(&self, column: &str, dialect: Dialect) -> bool {
        let same = |name: &String| match dialect {
            Dialect::Sqlite => name.eq_ignore_ascii_case(column),
            Dialect::Postgres => name == column,
        };
        self.keys.iter().any(|key| same(&key.column)) || self.included.iter().any(same)
    }
}

//! What code reads, as data: from the models, from a snapshot of an earlier release, or from both.

use std::collections::BTreeMap;
use std::fmt;

use super::sql::op::Name;
use super::Database;

/// Who reads a column, and why it has to stay.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reader {
    /// Code maps it: what, as a person would say it (`User::email, src/models.rs:12`).
    Mapped(String),
    /// A migration of this library is under way and still needs it: the old column, the new one, or the intermediate one.
    Migrating {
        /// The migration's id in the ledger.
        id: String,
        /// Where it is declared.
        by: String,
        /// Whether the column goes away when the migration is contracted.
        is_old: bool,
    },
}

impl fmt::Display for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reader::Mapped(by) | Reader::Migrating { by, .. } => f.write_str(by),
        }
    }
}

/// The tables and columns that code reads.
///
/// [`ModelsFound::in_use`](crate::build::ModelsFound::in_use) makes one from source. To also keep what an earlier release reads, add
/// its columns: whoever reads a column keeps it.
///
/// ```
/// use expand_contract::build::{Database, InUse, Reader};
///
/// let mut in_use = InUse::new(Database::Postgres);
/// in_use.read(None, "users", "email", Reader::Mapped("release 1.4".into()));
/// assert!(in_use.is_read(None, "users", "email"));
/// assert!(!in_use.is_read(None, "users", "name"));
/// ```
#[derive(Debug, Clone)]
pub struct InUse {
    database: Database,
    tables: BTreeMap<String, BTreeMap<String, Vec<Reader>>>,
}

impl InUse {
    /// Nothing is read yet.
    pub fn new(database: Database) -> Self {
        InUse {
            database,
            tables: BTreeMap::new(),
        }
    }

    /// Adds that `reader` reads a column, by its names in the database.
    pub fn read(&mut self, schema: Option<&str>, table: &str, column: &str, reader: Reader) {
        let table = self.key(schema, table);
        let column = self.key(None, column);
        let readers = self.tables.entry(table).or_default().entry(column);
        readers.or_default().push(reader);
    }

    /// Whether anybody reads the column.
    pub fn is_read(&self, schema: Option<&str>, table: &str, column: &str) -> bool {
        let columns = self.tables.get(&self.key(schema, table));
        columns.is_some_and(|columns| columns.contains_key(&self.key(None, column)))
    }

    /// Adds what another one has.
    pub fn merge(&mut self, other: InUse) {
        for (table, columns) in other.tables {
            let known = self.tables.entry(table).or_default();
            for (column, readers) in columns {
                known.entry(column).or_default().extend(readers);
            }
        }
    }

    fn key(&self, schema: Option<&str>, name: &str) -> String {
        super::sql::declared(schema, name, self.database).key
    }

    pub(crate) fn table(&self, table: &Name) -> Option<&Reader> {
        let columns = self.tables.get(&table.key)?;
        columns.values().flatten().next()
    }

    pub(crate) fn column(&self, table: &Name, column: &Name) -> &[Reader] {
        let columns = self.tables.get(&table.key);
        columns
            .and_then(|columns| columns.get(&column.key))
            .map_or(&[], Vec::as_slice)
    }

    /// Who maps the column, other than a migration.
    pub(crate) fn mapped(&self, table: &Name, column: &Name) -> Option<&Reader> {
        self.column(table, column)
            .iter()
            .find(|reader| matches!(reader, Reader::Mapped(_)))
    }

    /// The migration that is changing the column.
    pub(crate) fn migrating(&self, table: &Name, column: &Name) -> Option<&Reader> {
        self.column(table, column)
            .iter()
            .find(|reader| matches!(reader, Reader::Migrating { .. }))
    }
}

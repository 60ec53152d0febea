//! What the code reads, for the lints.

use super::found::{Outcome, Table};
use crate::build::lints::{Database, InUse, Reader};

impl Outcome {
    pub(super) fn in_use(&self, database: Database) -> InUse {
        let mut in_use = InUse::new(database);
        for table in &self.tables {
            for column in &table.columns {
                let (name, place) = (&table.ident, table.file.display());
                let by = format!("{name}::{} at {place}:{}", column.ident, column.at);
                in_use.read(
                    table.schema.as_deref(),
                    &table.name,
                    &column.name,
                    Reader::Mapped(by),
                );
            }
        }
        for structure in &self.structures {
            let table = self.table_of(&structure.table);
            for column in &structure.columns {
                let by = format!(
                    "{}::{column} at {}:{}",
                    structure.name,
                    structure.file.display(),
                    structure.at
                );
                read(
                    &mut in_use,
                    table,
                    structure.table.ident(),
                    column,
                    Reader::Mapped(by),
                );
            }
        }
        for (migration, path) in self.declared.iter().zip(&self.paths) {
            let table = self.table_of(path);
            for change in &migration.changes {
                let reader = |is_old: bool| Reader::Migrating {
                    id: migration.id.clone(),
                    by: format!("{}:{}", migration.file.display(), change.at),
                    is_old,
                };
                // A retype that keeps its name is both.
                let is_old = change.old_name.is_none();
                read(
                    &mut in_use,
                    table,
                    &migration.table,
                    &change.column,
                    reader(is_old),
                );
                for (name, is_old) in [(&change.old_name, true), (&change.via, false)] {
                    if let Some(name) = name {
                        let (schema, name_of_table) = place(table, &migration.table);
                        in_use.read(schema, name_of_table, name, reader(is_old));
                    }
                }
            }
        }
        in_use
    }
}

fn place<'a>(table: Option<&'a Table>, ident: &'a str) -> (Option<&'a str>, &'a str) {
    match table {
        Some(table) => (table.schema.as_deref(), &table.name),
        None => (None, ident),
    }
}

/// Adds a column that is known by its identifier.
fn read(in_use: &mut InUse, table: Option<&Table>, ident: &str, column: &str, reader: Reader) {
    let (schema, name) = place(table, ident);
    let known = table.and_then(|table| table.columns.iter().find(|known| known.ident == column));
    let column = known.map_or(column, |known| &known.name);
    in_use.read(schema, name, column, reader);
}

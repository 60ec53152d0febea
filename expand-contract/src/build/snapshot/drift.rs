//! What changed between the snapshot and the code, and what of it must not.

use std::path::Path;

use super::date::Date;
use super::format::{Column, Content, Entry};
use crate::build::finding::{Level, Position};
use crate::build::models::{Declared, ModelsFound};

/// A finding about the snapshot's file, or about another one.
pub(super) struct Drift<'a> {
    pub(super) before: &'a Content,
    pub(super) models: &'a ModelsFound,
    pub(super) file: &'a Path,
    pub(super) today: Date,
    /// How many days a contracted migration may keep its annotation.
    pub(super) patience: i64,
    /// `table.column` that may vanish.
    pub(super) permitted: &'a [String],
}

/// What to say, where.
pub(super) struct Said {
    pub(super) rule: &'static str,
    pub(super) level: Level,
    pub(super) file: std::path::PathBuf,
    pub(super) at: Position,
    pub(super) message: String,
    pub(super) help: String,
}

/// What the code holds now, without what only the file knows.
pub(super) fn now(models: &ModelsFound) -> Content {
    let mut content = Content::default();
    for table in models.tables() {
        let columns = content.tables.entry(table.key()).or_default();
        for column in &table.columns {
            let column_now = Column {
                ty: column.ty.clone(),
                line: 0,
            };
            columns.insert(column.name.clone(), column_now);
        }
    }
    for (migration, table) in models.migrations_with_tables() {
        let name_of = |ident: &str| {
            let known =
                table.and_then(|table| table.columns.iter().find(|column| column.ident == ident));
            known.map_or(ident, |column| &column.name).to_string()
        };
        let changes = migration.changes.iter().map(|change| {
            let new = name_of(&change.column);
            (new.clone(), change.old_name.clone().unwrap_or(new))
        });
        let entry = Entry {
            table: table.map_or_else(|| migration.table.clone(), crate::build::models::Table::key),
            changes: changes.collect(),
            ..Entry::default()
        };
        content
            .migrations
            .insert((migration.id.clone(), migration.generation), entry);
    }
    content
}

impl Drift<'_> {
    /// The next snapshot, and what stands against it.
    pub(super) fn find(&self) -> (Content, Vec<Said>) {
        let mut next = now(self.models);
        let mut said = Vec::new();
        for (key, entry) in &self.before.migrations {
            match next.migrations.get_mut(key) {
                Some(now) => {
                    now.contracted = entry.contracted;
                    now.withdrawn = entry.withdrawn;
                    said.extend(self.reminder(key, entry));
                }
                None if entry.contracted.is_none() && entry.withdrawn.is_none() => {
                    said.push(self.removed(key, entry));
                }
                None => {}
            }
        }
        next.retired.clone_from(&self.before.retired);
        for (table, columns) in &self.before.tables {
            self.table(table, columns, &mut next, &mut said);
        }
        let tables = &next.tables;
        next.retired.retain(|(table, column), _| {
            !tables
                .get(table)
                .is_some_and(|columns| columns.contains_key(column))
        });
        (next, said)
    }

    fn table(
        &self,
        table: &str,
        before: &std::collections::BTreeMap<String, Column>,
        next: &mut Content,
        said: &mut Vec<Said>,
    ) {
        let empty = std::collections::BTreeMap::new();
        let now = next.tables.get(table).unwrap_or(&empty);
        let explained = |new: &str, old: &str| {
            let is = |entry: &Entry| {
                entry.table == table && entry.changes.iter().any(|(n, o)| n == new && o == old)
            };
            let back = |entry: &Entry| {
                entry.withdrawn.is_some()
                    && entry.table == table
                    && entry.changes.iter().any(|(n, o)| n == old && o == new)
            };
            next.migrations.values().any(is) || self.before.migrations.values().any(back)
        };
        let appeared: Vec<&String> = now
            .keys()
            .filter(|column| !before.contains_key(*column))
            .collect();
        let mut retired = Vec::new();
        let mut unexplained: Vec<&String> = appeared.clone();
        let mut vanished: Vec<(&String, &Column)> = Vec::new();
        for (column, was) in before
            .iter()
            .filter(|(column, _)| !now.contains_key(*column))
        {
            match appeared.iter().find(|new| explained(new, column)) {
                Some(new) => unexplained.retain(|other| other != new),
                None => vanished.push((column, was)),
            }
        }
        for (column, was) in vanished {
            // The heir: of the same type, else the only one.
            let heir = unexplained
                .iter()
                .find(|new| now.get(**new).is_some_and(|new| new.ty == was.ty))
                .or(unexplained.first());
            match heir {
                Some(new) if !self.is_permitted(table, column) => {
                    let new_type = now.get(*new).map_or("", |new| &new.ty);
                    said.push(self.vanished(table, column, was, new, new_type));
                }
                _ => {}
            }
            retired.push(column.clone());
        }
        for (column, was) in before {
            let Some(is) = now.get(column).filter(|is| is.ty != was.ty) else {
                continue;
            };
            if !explained(column, column) && !self.is_permitted(table, column) {
                said.push(self.retyped(table, column, was, is));
            }
        }
        for column in retired {
            next.retired
                .entry((table.to_string(), column))
                .or_insert((self.today, 0));
        }
    }

    fn is_permitted(&self, table: &str, column: &str) -> bool {
        let name = format!("{table}.{column}");
        self.permitted.contains(&name)
    }

    fn retyped(&self, table: &str, column: &str, was: &Column, is: &Column) -> Said {
        Said {
            rule: "drift",
            level: Level::Deny,
            file: self.file.to_path_buf(),
            at: at(was.line),
            message: format!("`{table}.{column}` was {} and is {}, and nothing says how its values are converted", was.ty, is.ty),
            help: format!("write `#[migrate(retype_from = {}, up = \"…\", down = \"…\")]` on `{column}`; if the database has the same type as before: {}={table}.{column} cargo build", was.ty, super::ACCEPT),
        }
    }

    fn vanished(&self, table: &str, column: &str, was: &Column, new: &str, new_type: &str) -> Said {
        let annotation = if was.ty == new_type {
            format!("#[migrate(rename_from = {column:?})]")
        } else {
            format!(
                "#[migrate(rename_from = {column:?}, retype_from = {}, up = \"…\", down = \"…\")]",
                was.ty
            )
        };
        Said {
            rule: "drift",
            level: Level::Deny,
            file: self.file.to_path_buf(),
            at: at(was.line),
            message: format!("`{table}.{column}` vanished, `{new}` appeared, and nothing says that the one became the other"),
            help: format!("write `{annotation}` on `{new}`; if it has nothing to do with it: {}={table}.{column} cargo build", super::ACCEPT),
        }
    }

    fn removed(&self, (id, generation): &(String, u32), entry: &Entry) -> Said {
        let changes: Vec<String> = entry
            .changes
            .iter()
            .map(|(new, old)| {
                if new == old {
                    format!("`{new}`")
                } else {
                    format!("`{old}` to `{new}`")
                }
            })
            .collect();
        Said {
            rule: "removed-annotation",
            level: Level::Deny,
            file: self.file.to_path_buf(),
            at: at(entry.line),
            message: format!(
                "the annotation of `{id}` (generation {generation}, {} of `{}`) is gone, and nothing says that the migration is over",
                changes.join(", "),
                entry.table
            ),
            help: "put it back: the code would name only the new columns; when it is contracted on every database, write `contracted <date>` below this line".into(),
        }
    }

    fn reminder(&self, key: &(String, u32), entry: &Entry) -> Option<Said> {
        let date = entry.contracted?;
        let days = self.today.days_since(date);
        let declared: &Declared = self
            .models
            .migrations()
            .iter()
            .find(|declared| declared.id == key.0 && declared.generation == key.1)?;
        (days > self.patience).then(|| Said {
            rule: "finished-migration",
            level: Level::Warn,
            file: declared.file.clone(),
            at: declared.at,
            message: format!(
                "the migration `{}` was contracted {days} days ago, on {date}",
                key.0
            ),
            help: "remove the annotation: every statement still looks which column is in force"
                .into(),
        })
    }
}

fn at(line: usize) -> Position {
    Position {
        line: line.max(1),
        column: 1,
    }
}

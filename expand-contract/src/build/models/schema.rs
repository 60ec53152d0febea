//! `table!` and the annotated structs: both say what the columns shall be.

use std::path::PathBuf;

use super::found::{Declared, DeclaredChange, Outcome, Table};
use crate::build::finding::{Level, Position};

impl Outcome {
    /// Reports where a `table!` says otherwise than an annotated field.
    ///
    /// Of an annotated `table!` the derive does so itself; of a struct it cannot, without the table.
    pub(super) fn compare(&mut self) {
        let mut said = Vec::new();
        for (migration, path) in self.declared.iter().zip(&self.paths) {
            let Some(table) = self.table_of(path).filter(|_| !migration.on_table) else {
                continue;
            };
            for change in &migration.changes {
                said.extend(disagreements(migration, table, change));
            }
        }
        for (file, at, message) in said {
            self.say("schema", Level::Deny, &file, at, message);
        }
    }
}

/// The last part of each path in a type: `sql_types::Nullable<Text>` → `Nullable<Text>`.
fn unqualified(ty: &str) -> String {
    let mut out = String::new();
    for part in ty.split_inclusive(['<', '>', ',']) {
        out.push_str(part.rsplit("::").next().unwrap_or(part));
    }
    out
}

type Disagreement = (PathBuf, Position, String);

/// What a `table!` says otherwise than an annotated field, and which line to change.
fn disagreements(
    migration: &Declared,
    table: &Table,
    change: &DeclaredChange,
) -> Vec<Disagreement> {
    let at_field = format!("{}:{}", migration.file.display(), change.at);
    let new = table
        .columns
        .iter()
        .find(|known| known.ident == change.column);
    let named = |name: &Option<String>| {
        let name = name.as_ref()?;
        table
            .columns
            .iter()
            .find(|known| known.name == *name && known.ident != change.column)
    };
    let column = &change.column;
    let mut said = Vec::new();
    let mut say = |at: Position, message: String| said.push((table.file.clone(), at, message));
    match (new, named(&change.old_name)) {
        (None, Some(old)) => say(
            old.at,
            format!("`{}` is the old column of `{column}` ({at_field})\nhelp: `table!` says what the columns shall be: call it `{column}`, with its new type", old.ident),
        ),
        (None, None) => say(
            table.at,
            format!("the table has no column `{column}`, which the annotation at {at_field} is about\nhelp: `table!` says what the columns shall be: add `{column}`"),
        ),
        (Some(_), Some(old)) => say(
            old.at,
            format!("`{}` is the old column of `{column}` ({at_field})\nhelp: remove the line: a default select would name the column after `contract` has dropped it", old.ident),
        ),
        (Some(_), None) => {}
    }
    // under another name a value may change and keep its type: the name shows that the line is the new one
    if let (Some(new), Some(old_type), None) = (new, &change.retype_from, &change.old_name) {
        if unqualified(&new.ty) == unqualified(old_type) {
            say(
                new.at,
                format!("`{column}` has the type it had before the change at {at_field}\nhelp: `table!` says what the columns shall be: give it its new type"),
            );
        }
    }
    if let Some(via) = named(&change.via) {
        say(
            via.at,
            format!("`{}` is the intermediate column of `{column}` ({at_field})\nhelp: remove the line: the column is there for a while only", via.ident),
        );
    }
    said
}

//! What was found: migrations, tables, and what is wrong with them.

use std::path::{Path, PathBuf};

use expand_contract_model::{names, Change, Migration, Model, Record, TableDecl, TableMigration};
use proc_macro2::TokenStream;
use syn::{DeriveInput, ItemMacro};

use super::annotated::Derive;
use super::text;
use crate::build::finding::{Finding, Level, Position, Report};
use crate::build::lints::{Database, InUse, Reader};

/// A migration as the source declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Declared {
    /// Its name in the ledger.
    pub id: String,
    /// Its generation.
    pub generation: u32,
    /// The identifier of its table in `table!`.
    pub table: String,
    /// Its changes.
    pub changes: Vec<DeclaredChange>,
    /// The file.
    pub file: PathBuf,
    /// The struct's name, or the table's.
    pub at: Position,
}

/// A change of one column.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeclaredChange {
    /// The identifier of the new column in `table!`.
    pub column: String,
    /// The old column's name in the database; `None` if it keeps its name.
    pub old_name: Option<String>,
    /// The intermediate column of a change that keeps its name.
    pub via: Option<String>,
    /// Whether the type changes.
    pub is_retype: bool,
    /// The field's or column's name.
    pub at: Position,
}

/// A `table!`.
#[derive(Debug, Clone)]
struct Table {
    ident: String,
    schema: Option<String>,
    name: String,
    /// Identifier, name, place.
    columns: Vec<(String, String, Position)>,
    file: PathBuf,
}

/// A struct's columns.
#[derive(Debug, Clone)]
struct Structure {
    name: String,
    table: String,
    columns: Vec<String>,
    file: PathBuf,
    at: Position,
}

/// What the sources hold.
#[derive(Debug, Clone, Default)]
pub(super) struct Outcome {
    pub(super) report: Report,
    pub(super) declared: Vec<Declared>,
    tables: Vec<Table>,
    structures: Vec<Structure>,
}

impl Outcome {
    pub(super) fn say(
        &mut self,
        rule: &'static str,
        level: Level,
        file: &Path,
        at: Position,
        message: String,
    ) {
        let (message, help) = match message.split_once("\nhelp: ") {
            Some((message, help)) => (message.to_string(), help.to_string()),
            None => (message, String::new()),
        };
        let finding = Finding {
            rule,
            level,
            file: file.to_path_buf(),
            at,
            message,
            why: String::new(),
            help,
        };
        // Two derives of one struct refuse the same mistake.
        if !self.report.findings.contains(&finding) {
            self.report.findings.push(finding);
        }
    }

    fn errors(&mut self, file: &Path, error: syn::Error) {
        for error in error {
            let at = text::start(error.span());
            self.say("annotation", Level::Deny, file, at, error.to_string());
        }
    }

    /// A struct with derives of this crate.
    pub(super) fn structure(&mut self, file: &Path, input: &DeriveInput, derives: &[Derive]) {
        for derive in derives {
            match derive {
                Derive::Migrate => match Model::parse(input) {
                    Ok(model) => {
                        let table = last_of(model.record.table());
                        self.migration(file, &table, model.record.ident.span(), &model.migration);
                        self.record(file, &model.record);
                    }
                    Err(rejected) => self.errors(file, rejected.error),
                },
                Derive::Record(purpose) => match Record::parse(input, *purpose) {
                    Ok(record) => self.record(file, &record),
                    Err(rejected) => self.errors(file, rejected.error),
                },
            }
        }
    }

    /// An annotated `table!`.
    pub(super) fn table_form(&mut self, file: &Path, args: TokenStream, below: TokenStream) {
        match TableMigration::parse(args, below) {
            Ok(read) => {
                let table = names::text(&read.table.ident);
                self.migration(file, &table, read.table.ident.span(), &read.migration);
                self.add_table(file, &read.table);
            }
            Err(rejected) => self.errors(file, rejected.error),
        }
    }

    /// A plain `table!`; one that is wrong is Diesel's to refuse.
    pub(super) fn table(&mut self, file: &Path, invocation: &ItemMacro) {
        if let Ok(table) = invocation.mac.parse_body::<TableDecl>() {
            self.add_table(file, &table);
        }
    }

    fn add_table(&mut self, file: &Path, table: &TableDecl) {
        let columns = table.columns.iter().map(|column| {
            let ident = names::text(&column.ident);
            (
                ident,
                column.sql_name.clone(),
                text::start(column.ident.span()),
            )
        });
        self.tables.push(Table {
            ident: names::text(&table.ident),
            schema: table.schema.as_ref().map(names::text),
            name: table.sql_name.clone(),
            columns: columns.collect(),
            file: file.to_path_buf(),
        });
    }

    fn record(&mut self, file: &Path, record: &Record) {
        let fields = record.fields.iter();
        let fields = fields.filter(|field| !field.embed && field.select_expression.is_none());
        let columns: Vec<String> = fields
            .filter_map(|field| field.column.as_ref())
            .map(names::text)
            .collect();
        for table in &record.tables {
            let structure = Structure {
                name: names::text(&record.ident),
                table: last_of(table),
                columns: columns.clone(),
                file: file.to_path_buf(),
                at: text::start(record.ident.span()),
            };
            self.structures.push(structure);
        }
    }

    fn migration(
        &mut self,
        file: &Path,
        table: &str,
        span: proc_macro2::Span,
        migration: &Migration,
    ) {
        let change = |change: &Change| DeclaredChange {
            column: names::text(&change.column),
            old_name: change.old_name.as_ref().map(syn::LitStr::value),
            via: change.via.clone(),
            is_retype: change.retype_from.is_some(),
            at: text::start(change.span),
        };
        self.declared.push(Declared {
            id: migration.id.clone(),
            generation: migration.generation,
            table: table.to_string(),
            changes: migration.changes.iter().map(change).collect(),
            file: file.to_path_buf(),
            at: text::start(span),
        });
    }

    /// The same table may be declared for several databases: the first one with the identifier.
    fn table_of(&self, ident: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.ident == ident)
    }

    pub(super) fn in_use(&self, database: Database) -> InUse {
        let mut in_use = InUse::new(database);
        for table in &self.tables {
            for (ident, name, at) in &table.columns {
                let by = format!("{}::{ident} at {}:{at}", table.ident, table.file.display());
                in_use.read(
                    table.schema.as_deref(),
                    &table.name,
                    name,
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
                    &structure.table,
                    column,
                    Reader::Mapped(by),
                );
            }
        }
        for migration in &self.declared {
            let table = self.table_of(&migration.table);
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
    let known = table.and_then(|table| table.columns.iter().find(|(ident, ..)| ident == column));
    let column = known.map_or(column, |(_, name, _)| name);
    in_use.read(schema, name, column, reader);
}

fn last_of(path: &syn::Path) -> String {
    let last = path.segments.last();
    last.map_or(String::new(), |last| names::text(&last.ident))
}

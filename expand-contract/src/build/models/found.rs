//! What was found: migrations, tables, and what is wrong with them.

use std::path::{Path, PathBuf};

use expand_contract_model::{
    names, Change, Conversion, Migration, Model, Part, PerDialect, Record, SqlExpr, Strategy,
    TableDecl, TableMigration,
};
use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{DeriveInput, ItemMacro};

use super::annotated::Derive;
use super::text;
use crate::build::finding::{Finding, Level, Position, Report};

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
    /// Whether it is declared on the table, not on a struct.
    pub on_table: bool,
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
    /// The old column's Diesel type as it is written; `None` if the type stays.
    pub retype_from: Option<String>,
    /// The field's or column's name.
    pub at: Position,
    pub(crate) how: How,
}

/// How a column is changed, in plain data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct How {
    pub(crate) in_place: bool,
    pub(crate) conversion: Converted,
    pub(crate) lossless: bool,
    pub(crate) monotonic: bool,
    pub(crate) sql_type: PerDialect<String>,
    /// Names of objects, and what they are on the new column.
    pub(crate) carry: Vec<(String, Option<Cut>)>,
}

/// An SQL expression in pieces.
pub(crate) type Cut = PerDialect<Vec<Part>>;

/// By what values are converted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Converted {
    Identity,
    Sql { up: Cut, down: Cut },
    Rust,
}

impl How {
    fn of(change: &Change) -> Self {
        let cut = |sql: &SqlExpr| sql.clone().map(|_, sql| sql.parts);
        let carry = change.carry.iter();
        How {
            in_place: change.strategy == Strategy::InPlace,
            conversion: match &change.conversion {
                Conversion::Identity => Converted::Identity,
                Conversion::Sql { up, down } => Converted::Sql {
                    up: cut(up),
                    down: cut(down),
                },
                Conversion::Functions { .. } | Conversion::Traits => Converted::Rust,
            },
            lossless: change.lossless,
            monotonic: change.monotonic,
            sql_type: change.sql_type.clone().map(|_, ty| ty.value()),
            carry: carry
                .map(|carried| (carried.name.value(), carried.sql.as_ref().map(cut)))
                .collect(),
        }
    }
}

/// A `table!`.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) ident: String,
    pub(crate) schema: Option<String>,
    pub(crate) name: String,
    pub(crate) columns: Vec<TableColumn>,
    /// Names in the database.
    pub(crate) primary_key: Vec<String>,
    pub(crate) file: PathBuf,
    pub(crate) at: Position,
    /// The modules around it, from the root of what was read.
    pub(crate) module: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct TableColumn {
    pub(crate) ident: String,
    /// Its name in the database.
    pub(crate) name: String,
    /// Its type as it is written.
    pub(crate) ty: String,
    /// `#[max_length = …]`.
    pub(crate) max_length: Option<String>,
    pub(crate) at: Position,
}

impl Table {
    /// The column with this identifier.
    pub(crate) fn column(&self, ident: &str) -> Option<&TableColumn> {
        self.columns.iter().find(|column| column.ident == ident)
    }

    /// Its name in the database, with the schema where there is one.
    pub(crate) fn key(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}.{}", self.name),
            None => self.name.clone(),
        }
    }
}

/// A struct's columns.
#[derive(Debug, Clone)]
pub(super) struct Structure {
    pub(super) name: String,
    pub(super) table: TablePath,
    pub(super) columns: Vec<String>,
    pub(super) file: PathBuf,
    pub(super) at: Position,
}

/// A table as a struct names it.
#[derive(Debug, Clone)]
pub(super) struct TablePath {
    pub(super) segments: Vec<String>,
    /// The modules around the struct.
    pub(super) module: Vec<String>,
}

impl TablePath {
    pub(super) fn ident(&self) -> &str {
        self.segments.last().map_or("", String::as_str)
    }
}

/// What the sources hold.
#[derive(Debug, Clone, Default)]
pub(super) struct Outcome {
    pub(super) report: Report,
    pub(super) declared: Vec<Declared>,
    /// The tables of `declared`, in its order.
    pub(super) paths: Vec<TablePath>,
    pub(super) tables: Vec<Table>,
    pub(super) structures: Vec<Structure>,
    /// The modules around what is being read.
    pub(super) module: Vec<String>,
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
                        let table = segments_of(model.record.table());
                        self.migration(
                            file,
                            table,
                            model.record.ident.span(),
                            &model.migration,
                            false,
                        );
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
                let table = vec![names::text(&read.table.ident)];
                self.migration(file, table, read.table.ident.span(), &read.migration, true);
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
        let columns = table.columns.iter().map(|column| TableColumn {
            ident: names::text(&column.ident),
            name: column.sql_name.clone(),
            ty: written(&column.ty),
            max_length: column.attrs.iter().find_map(max_length),
            at: text::start(column.ident.span()),
        });
        let key = table
            .primary_key
            .iter()
            .map(|ident| match table.column(ident) {
                Some(column) => column.sql_name.clone(),
                None => names::text(ident),
            });
        self.tables.push(Table {
            ident: names::text(&table.ident),
            schema: table.schema.as_ref().map(names::text),
            name: table.sql_name.clone(),
            columns: columns.collect(),
            primary_key: key.collect(),
            file: file.to_path_buf(),
            at: text::start(table.ident.span()),
            module: self.module.clone(),
        });
    }

    fn path(&self, segments: Vec<String>) -> TablePath {
        TablePath {
            segments,
            module: self.module.clone(),
        }
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
                table: self.path(segments_of(table)),
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
        table: Vec<String>,
        span: proc_macro2::Span,
        migration: &Migration,
        on_table: bool,
    ) {
        let change = |change: &Change| DeclaredChange {
            column: names::text(&change.column),
            old_name: change.old_name.as_ref().map(syn::LitStr::value),
            via: change.via.clone(),
            retype_from: change.retype_from.as_ref().map(written),
            at: text::start(change.span),
            how: How::of(change),
        };
        self.declared.push(Declared {
            id: migration.id.clone(),
            generation: migration.generation,
            table: table.last().cloned().unwrap_or_default(),
            changes: migration.changes.iter().map(change).collect(),
            file: file.to_path_buf(),
            at: text::start(span),
            on_table,
        });
        let path = self.path(table);
        self.paths.push(path);
    }

    /// The table that a struct means; `None` if it is elsewhere, or if it could be several.
    pub(super) fn table_of(&self, path: &TablePath) -> Option<&Table> {
        let of_name = self
            .tables
            .iter()
            .filter(|table| table.ident == path.ident());
        let mut candidates: Vec<&Table> = of_name.collect();
        let named: Vec<&String> = path
            .segments
            .iter()
            .rev()
            .skip(1)
            .take_while(|part| !matches!(part.as_str(), "crate" | "self" | "super"))
            .collect();
        let is_named = |table: &&&Table| {
            let modules = table.module.iter().rev();
            table.module.len() >= named.len() && modules.zip(&named).all(|(a, b)| a == *b)
        };
        // A table may come by `use` from where its path does not say.
        if candidates.iter().any(|table| is_named(&table)) {
            candidates.retain(|table| is_named(&table));
        }
        let nearness = |table: &Table| {
            let both = table.module.iter().zip(&path.module);
            both.take_while(|(a, b)| a == b).count()
        };
        let nearest = candidates.iter().map(|table| nearness(table)).max()?;
        candidates.retain(|table| nearness(table) == nearest);
        match candidates.as_slice() {
            [table] => Some(table),
            _ => None,
        }
    }
}

fn segments_of(path: &syn::Path) -> Vec<String> {
    let segments = path.segments.iter();
    segments
        .map(|segment| names::text(&segment.ident))
        .collect()
}

/// What Diesel's CLI writes above a column of a limited type.
fn max_length(attribute: &syn::Attribute) -> Option<String> {
    let syn::Meta::NameValue(given) = &attribute.meta else {
        return None;
    };
    given
        .path
        .is_ident("max_length")
        .then(|| given.value.to_token_stream().to_string())
}

/// As it is written, without the spaces.
fn written(ty: &impl ToTokens) -> String {
    ty.to_token_stream().to_string().replace(' ', "")
}

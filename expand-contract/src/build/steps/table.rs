//! What the sources tell of a table: columns and key. What else is on it, only a database knows.

use super::{indexes, types};
use crate::build::lints::History;
use crate::build::models::{Declared, Table as Source, TableColumn};
use crate::catalogue::{Column, KeyColumn, Table};
use crate::definition::{ChangeDef, Dialect, MigrationDef, TableName};
use crate::phase::place::Place;
use crate::phase::{Pass, Side, Step};

/// The schema of a table for which `table!` names none.
const PUBLIC: &str = "public";

/// A table as it is before a step.
pub(super) struct Sketch {
    pub(super) table: Table,
    /// What has a type that the sources do not tell: SQL cannot be run that names it.
    pub(super) unknown: Vec<String>,
    /// The columns that the pass starts from, as they were when it started.
    pub(super) originals: Vec<Column>,
    /// `table!` names no schema.
    pub(super) is_unqualified: bool,
}

impl Sketch {
    pub(super) fn of(
        (declared, source, history): (&Declared, &Source, &History),
        def: &'static MigrationDef,
        dialect: Dialect,
        place: Place,
    ) -> Self {
        let (mut unknown, mut originals) = (Vec::new(), Vec::new());
        let mut columns = Vec::new();
        for column in &source.columns {
            let mut changes = declared.changes.iter().zip(def.changes);
            let changed = changes.find(|(change, _)| change.column == column.ident);
            match changed {
                Some((change, def)) => {
                    let old = match &change.retype_from {
                        Some(ty) => (ty.as_str(), None),
                        None => (column.ty.as_str(), column.max_length.as_deref()),
                    };
                    let changing = Changing {
                        def,
                        column,
                        old,
                        dialect,
                    };
                    columns.extend(changing.columns(place, &mut originals, &mut unknown));
                }
                None => {
                    let ty = (column.ty.as_str(), column.max_length.as_deref());
                    let is_key = source.primary_key.contains(&column.name);
                    let type_sql = types::existing(ty, dialect).unwrap_or_else(|| {
                        if is_key {
                            unknown.push(column.name.clone());
                        }
                        column.ty.clone()
                    });
                    columns.push(plain(&column.name, type_sql, ty.0, dialect));
                }
            }
        }
        let key = source.primary_key.iter();
        let cursor = key.filter_map(|name| {
            let column = columns.iter().find(|column| column.name == *name)?;
            Some(KeyColumn {
                sql: dialect.quote(name),
                type_sql: column.type_sql.clone(),
            })
        });
        let table = Table {
            dialect,
            name: TableName {
                // the runner goes by what the search path finds: what runs asserts that it is the same
                schema: match (&source.schema, dialect) {
                    (None, Dialect::Postgres) => Some(PUBLIC.to_owned()),
                    (schema, _) => schema.clone(),
                },
                name: source.name.clone(),
            },
            id: String::new(),
            primary_key: source.primary_key.clone(),
            cursor: match dialect {
                Dialect::Postgres => cursor.collect(),
                // of all tables but those WITHOUT ROWID, which the sources do not tell
                Dialect::Sqlite => vec![KeyColumn {
                    sql: "rowid".to_owned(),
                    type_sql: String::new(),
                }],
            },
            columns,
            indexes: indexes::at_first((source, history), def, dialect, place),
            checks: Vec::new(),
            statistics: Vec::new(),
            foreign_keys: Vec::new(),
            partitions: None,
            estimate: None,
            create_sql: String::new(),
        };
        Sketch {
            table,
            unknown,
            originals,
            is_unqualified: source.schema.is_none(),
        }
    }
}

/// A column of `table!` that a change is about.
struct Changing<'c> {
    def: &'static ChangeDef,
    column: &'c TableColumn,
    /// The old column's type, and its length.
    old: (&'c str, Option<&'c str>),
    dialect: Dialect,
}

impl Changing<'_> {
    /// The columns of it that are there.
    fn columns(
        &self,
        place: Place,
        originals: &mut Vec<Column>,
        unknown: &mut Vec<String>,
    ) -> Vec<Column> {
        let def = self.def;
        let old_type = types::existing(self.old, self.dialect).unwrap_or_else(|| {
            unknown.push(def.old.to_owned());
            format!("<the type of {}>", def.old)
        });
        let new_type = match def.new_type.get(self.dialect) {
            Some(declared) => declared.to_owned(),
            None => old_type.clone(),
        };
        let new_ty = self.column.ty.as_str();
        let new = |side: Side| plain(def.name(side), new_type.clone(), new_ty, self.dialect);
        let (from, to) = match (place.pass, def.two_passes()) {
            (Pass::First, two_passes) => {
                let old = plain(def.old, old_type, self.old.0, self.dialect);
                (old, new(if two_passes { Side::Via } else { Side::New }))
            }
            (Pass::Second, true) => (new(Side::Via), new(Side::New)),
            // it ended with the first
            (Pass::Second, false) => return vec![new(Side::New)],
        };
        originals.push(from.clone());
        // NOT NULL goes over from one to the other when the old one retires
        let is_retired = place.step == Step::Contract;
        let from_now = Column {
            not_null: from.not_null && !is_retired,
            ..from
        };
        let to_now = Column {
            not_null: to.not_null && is_retired,
            ..to
        };
        match place.step {
            Step::Expand => vec![from_now],
            _ => vec![from_now, to_now],
        }
    }
}

fn plain(name: &str, type_sql: String, ty: &str, dialect: Dialect) -> Column {
    let not_null = !types::is_nullable(ty);
    let definition = match dialect {
        Dialect::Postgres => String::new(),
        Dialect::Sqlite => {
            let not_null = if not_null { " NOT NULL" } else { "" };
            format!("{} {type_sql}{not_null}", dialect.quote(name))
        }
    };
    Column {
        name: name.to_owned(),
        type_sql,
        collate: String::new(),
        not_null,
        not_null_as: None,
        default: None,
        extras: Vec::new(),
        sequences: Vec::new(),
        definition,
    }
}

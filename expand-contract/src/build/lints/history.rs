//! What the migrations before a place have made: tables, columns, constraints, indexes, types.

use std::collections::HashMap;

use super::sql::declared;
use super::sql::op::{Column, Constraint, ConstraintKind, Name, Op, OpKind, Type};
use super::Database;

#[derive(Debug, Default)]
pub(crate) struct History {
    /// The migration that is being read.
    now: usize,
    tables: HashMap<String, Table>,
    indexes: HashMap<String, Index>,
    types: HashMap<String, usize>,
    /// Tables that this migration dropped, as they were.
    dropped: HashMap<String, Table>,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct Table {
    /// `None`: before the first file.
    made_in: Option<usize>,
    columns: HashMap<String, KnownColumn>,
    constraints: HashMap<String, KnownConstraint>,
    primary_key: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct KnownColumn {
    pub(crate) name: Name,
    pub(crate) ty: Type,
    pub(crate) not_null: bool,
    made_in: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct KnownConstraint {
    /// The column that it proves to be not NULL.
    not_null: Option<String>,
    pub(crate) is_valid: bool,
    made_in: usize,
    is_primary_key: bool,
    is_unique: bool,
    name: Name,
    /// Of a unique constraint.
    columns: Vec<Name>,
}

#[derive(Debug, Clone)]
pub(crate) struct Index {
    pub(crate) table: Name,
    pub(crate) is_unique: bool,
    name: Name,
    /// Empty where there is more to it than columns.
    keys: Vec<(Name, &'static str)>,
    made_in: usize,
}

/// An index, as far as the files tell.
#[derive(Debug)]
pub(crate) struct KnownIndex<'h> {
    pub(crate) name: &'h str,
    pub(crate) is_unique: bool,
    pub(crate) is_constraint: bool,
    /// Columns, and the order of each; empty where there is more to it.
    pub(crate) keys: Vec<(&'h str, &'static str)>,
}

impl History {
    /// A migration begins.
    pub(crate) fn enter(&mut self, number: usize) {
        self.now = number;
        self.dropped.clear();
    }

    /// Whether this migration made the table.
    pub(crate) fn is_new(&self, table: &Name) -> bool {
        self.tables
            .get(&table.key)
            .is_some_and(|table| table.made_in == Some(self.now))
    }

    pub(crate) fn column(&self, table: &Name, column: &Name) -> Option<&KnownColumn> {
        self.tables.get(&table.key)?.columns.get(&column.key)
    }

    /// Whether this migration made the column.
    pub(crate) fn is_new_column(&self, table: &Name, column: &Name) -> bool {
        self.column(table, column)
            .is_some_and(|column| column.made_in == self.now)
    }

    /// What a table that takes the name of a dropped one has no more: SQLite's way to drop a column.
    pub(crate) fn lost_columns(&self, table: &Name, to: &Name) -> Vec<&Name> {
        let columns = self.dropped.get(&to.key).map(|table| &table.columns);
        let mut lost: Vec<&Name> = columns
            .into_iter()
            .flat_map(HashMap::values)
            .map(|column| &column.name)
            .filter(|column| self.column(table, column).is_none())
            .collect();
        lost.sort();
        lost
    }

    /// Whether a validated constraint says that the column has no NULLs.
    pub(crate) fn is_proven_not_null(&self, table: &Name, column: &Name) -> bool {
        self.tables.get(&table.key).is_some_and(|table| {
            table.constraints.values().any(|constraint| {
                constraint.is_valid && constraint.not_null.as_deref() == Some(column.key.as_str())
            })
        })
    }

    /// Whether this migration added the constraint, not validated.
    pub(crate) fn is_added_here(&self, table: &Name, name: &Name) -> bool {
        self.constraint(table, name)
            .is_some_and(|constraint| constraint.made_in == self.now && !constraint.is_valid)
    }

    fn constraint(&self, table: &Name, name: &Name) -> Option<&KnownConstraint> {
        self.tables.get(&table.key)?.constraints.get(&name.key)
    }

    /// Whether the constraint is the table's primary key, by what the files say or by the name PostgreSQL gives.
    pub(crate) fn is_primary_key(&self, table: &Name, name: &Name) -> bool {
        match self.constraint(table, name) {
            Some(constraint) => constraint.is_primary_key,
            None => name.last() == format!("{}_pkey", table.last()),
        }
    }

    /// Whether the constraint keeps values unique, by what the files say or by the name PostgreSQL gives.
    pub(crate) fn is_unique(&self, table: &Name, name: &Name) -> bool {
        match self.constraint(table, name) {
            Some(constraint) => constraint.is_unique,
            None => ["key", "pkey"].iter().any(|end| {
                name.last()
                    .strip_prefix(table.last())
                    .is_some_and(|rest| rest.ends_with(&format!("_{end}")))
            }),
        }
    }

    pub(crate) fn index(&self, name: &Name) -> Option<&Index> {
        self.indexes.get(&name.key)
    }

    /// Whether this migration made the index.
    pub(crate) fn is_new_index(&self, name: &Name) -> bool {
        self.index(name)
            .is_some_and(|index| index.made_in == self.now)
    }

    /// Whether this migration made the type.
    pub(crate) fn is_new_type(&self, name: &Name) -> bool {
        self.types.get(&name.key) == Some(&self.now)
    }

    /// The indexes on a table, unique constraints among them, in the order of their names.
    pub(crate) fn indexes_of(
        &self,
        (schema, table): (Option<&str>, &str),
        database: Database,
    ) -> Vec<KnownIndex<'_>> {
        let table = declared(schema, table, database).key;
        let own = self
            .indexes
            .values()
            .filter(|index| index.table.key == table);
        let own = own.map(|index| KnownIndex {
            name: &index.name.text,
            is_unique: index.is_unique,
            is_constraint: false,
            keys: index
                .keys
                .iter()
                .map(|(name, order)| (name.last(), *order))
                .collect(),
        });
        let constraints = self
            .tables
            .get(&table)
            .into_iter()
            .flat_map(|table| table.constraints.values());
        let unique =
            constraints.filter(|constraint| constraint.is_unique && !constraint.is_primary_key);
        let unique = unique.map(|constraint| KnownIndex {
            name: &constraint.name.text,
            is_unique: true,
            is_constraint: true,
            keys: constraint
                .columns
                .iter()
                .map(|name| (name.last(), ""))
                .collect(),
        });
        let mut all: Vec<KnownIndex<'_>> = own.chain(unique).collect();
        all.sort_by_key(|index| index.name);
        all
    }

    fn table(&mut self, table: &Name) -> &mut Table {
        self.tables.entry(table.key.clone()).or_default()
    }

    pub(crate) fn apply(&mut self, op: &Op) {
        let now = self.now;
        match &op.kind {
            OpKind::CreateTable(create) => {
                // `IF NOT EXISTS` of what is there does nothing
                if create.if_not_exists && self.tables.contains_key(&create.table.key) {
                    return;
                }
                let mut table = Table {
                    made_in: Some(now),
                    ..Table::default()
                };
                for column in &create.columns {
                    table.add_column(column, now, &create.table);
                }
                for constraint in &create.constraints {
                    table.add_constraint(constraint, true, now, &create.table);
                }
                self.tables.insert(create.table.key.clone(), table);
            }
            OpKind::DropTable { table, .. } => {
                let known = self.tables.remove(&table.key).unwrap_or_default();
                self.dropped.insert(table.key.clone(), known);
                self.indexes.retain(|_, index| index.table != *table);
            }
            OpKind::RenameTable { table, to } => {
                if let Some(known) = self.tables.remove(&table.key) {
                    self.tables.insert(to.key.clone(), known);
                }
            }
            OpKind::AddColumn { table, column, .. } => {
                let name = table.clone();
                self.table(table).add_column(column, now, &name);
            }
            OpKind::DropColumn { table, column, .. } => {
                self.table(table).columns.remove(&column.key);
            }
            OpKind::RenameColumn { table, from, to } => {
                let table = self.table(table);
                if let Some(mut column) = table.columns.remove(&from.key) {
                    column.name = to.clone();
                    table.columns.insert(to.key.clone(), column);
                }
            }
            OpKind::ChangeType {
                table,
                column,
                ty,
                not_null,
                ..
            } => {
                let columns = &mut self.table(table).columns;
                let known = columns.entry(column.key.clone());
                let known = known.or_insert_with(|| KnownColumn {
                    name: column.clone(),
                    ty: ty.clone(),
                    not_null: false,
                    made_in: usize::MAX,
                });
                known.ty = ty.clone();
                known.not_null = not_null.unwrap_or(known.not_null);
            }
            OpKind::SetNotNull { table, column } => self.set_not_null(table, column, true),
            OpKind::DropNotNull { table, column } => self.set_not_null(table, column, false),
            OpKind::AddConstraint {
                table,
                constraint,
                not_valid,
            } => {
                let name = table.clone();
                self.table(table)
                    .add_constraint(constraint, !not_valid, now, &name);
            }
            OpKind::ValidateConstraint { table, name } => {
                if let Some(known) = self.table(table).constraints.get_mut(&name.key) {
                    known.is_valid = true;
                }
            }
            OpKind::DropConstraint { table, name, .. } => {
                self.table(table).constraints.remove(&name.key);
            }
            OpKind::CreateIndex(create) => {
                if let Some(name) = &create.name {
                    let index = Index {
                        table: create.table.clone(),
                        is_unique: create.unique,
                        name: name.clone(),
                        keys: create.keys.clone(),
                        made_in: now,
                    };
                    self.indexes.insert(name.key.clone(), index);
                }
            }
            OpKind::DropIndex { name, .. } => {
                self.indexes.remove(&name.key);
            }
            OpKind::Create {
                object,
                name: Some(name),
                ..
            } if object == "TYPE" => {
                self.types.insert(name.key.clone(), now);
            }
            // a materialized one can be indexed
            OpKind::Create {
                object,
                name: Some(name),
                repeatable,
                ..
            } if object == "VIEW" => {
                if *repeatable && self.tables.contains_key(&name.key) {
                    return;
                }
                let view = Table {
                    made_in: Some(now),
                    ..Table::default()
                };
                self.tables.insert(name.key.clone(), view);
            }
            OpKind::Drop {
                object,
                name: Some(name),
                ..
            } if object.ends_with("VIEW") => {
                self.tables.remove(&name.key);
            }
            _ => {}
        }
    }

    fn set_not_null(&mut self, table: &Name, column: &Name, not_null: bool) {
        if let Some(column) = self.table(table).columns.get_mut(&column.key) {
            column.not_null = not_null;
        }
    }
}

impl Table {
    fn add_column(&mut self, column: &Column, now: usize, table: &Name) {
        let known = KnownColumn {
            name: column.name.clone(),
            ty: column.ty.clone(),
            not_null: column.not_null || column.primary_key,
            made_in: now,
        };
        if column.primary_key {
            self.primary_key = vec![column.name.key.clone()];
        }
        self.columns.insert(column.name.key.clone(), known);
        if column.unique {
            let unique = Constraint {
                name: None,
                kind: ConstraintKind::Unique {
                    columns: vec![column.name.clone()],
                    using_index: false,
                },
            };
            self.add_constraint(&unique, true, now, table);
        }
    }

    fn add_constraint(
        &mut self,
        constraint: &Constraint,
        is_valid: bool,
        now: usize,
        table: &Name,
    ) {
        let (not_null, is_primary_key) = match &constraint.kind {
            ConstraintKind::Check { not_null } => (not_null.as_ref(), false),
            ConstraintKind::NotNull { column } => (Some(column), false),
            ConstraintKind::PrimaryKey { columns, .. } => {
                self.primary_key = columns.iter().map(|column| column.key.clone()).collect();
                (None, true)
            }
            _ => (None, false),
        };
        let unnamed = |end: &str| Name {
            key: format!("{}_{end}", table.last()),
            text: format!("{}_{end}", table.text),
        };
        let name = match (&constraint.name, &constraint.kind) {
            (Some(name), _) => name.clone(),
            (None, ConstraintKind::PrimaryKey { .. }) => unnamed("pkey"),
            (None, ConstraintKind::Unique { columns, .. }) => {
                let columns: Vec<&str> = columns.iter().map(Name::last).collect();
                unnamed(&format!("{}_key", columns.join("_")))
            }
            (None, _) => return,
        };
        let known = KnownConstraint {
            not_null: not_null.map(|column| column.key.clone()),
            is_valid,
            made_in: now,
            is_primary_key,
            is_unique: is_primary_key || matches!(constraint.kind, ConstraintKind::Unique { .. }),
            columns: match &constraint.kind {
                ConstraintKind::Unique { columns, .. } => columns.clone(),
                _ => Vec::new(),
            },
            name,
        };
        self.constraints.insert(known.name.key.clone(), known);
    }
}

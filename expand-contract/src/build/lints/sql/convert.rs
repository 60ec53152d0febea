//! From the parser's tree to plain data.

use sqlparser::ast::{
    self, ColumnOption, Expr, GeneratedAs, GeneratedExpressionMode, ObjectName, Statement,
    TableConstraint,
};

use super::op::{
    Column, Constraint, ConstraintKind, CreateIndex, CreateTable, Generated, Name, Type,
};
use super::words::{ident, object_name};
use crate::build::lints::Database;

pub(super) fn create_table(statement: &Statement, database: Database) -> Option<CreateTable> {
    let Statement::CreateTable(table) = statement else {
        return None;
    };
    let columns: Vec<Column> = table
        .columns
        .iter()
        .map(|column| self::column(column, database))
        .collect();
    let constraints = table
        .constraints
        .iter()
        .filter_map(|constraint| self::constraint(constraint, database))
        .collect();
    Some(CreateTable {
        table: name(&table.name, database)?,
        columns,
        constraints,
        if_not_exists: table.if_not_exists,
        is_qualified: table.name.0.len() > 1,
        temporary: table.temporary,
        partition_of: table
            .partition_of
            .as_ref()
            .and_then(|parent| name(parent, database)),
    })
}

pub(super) fn create_index(
    statement: &Statement,
    database: Database,
    only: bool,
) -> Option<CreateIndex> {
    let Statement::CreateIndex(index) = statement else {
        return None;
    };
    Some(CreateIndex {
        name: index
            .name
            .as_ref()
            .and_then(|name| self::name(name, database)),
        table: name(&index.table_name, database)?,
        columns: index.columns.len(),
        keys: keys(index, database).unwrap_or_default(),
        unique: index.unique,
        concurrently: index.concurrently,
        if_not_exists: index.if_not_exists,
        only,
    })
}

/// The columns of an index that has nothing else to it.
fn keys(index: &ast::CreateIndex, database: Database) -> Option<Vec<(Name, &'static str)>> {
    let is_plain = index.include.is_empty()
        && index.with.is_empty()
        && index.predicate.is_none()
        && index.nulls_distinct.is_none()
        && matches!(index.using, None | Some(ast::IndexType::BTree));
    if !is_plain {
        return None;
    }
    let key = |column: &ast::IndexColumn| {
        let options = &column.column.options;
        let order = match (&options.sort, options.nulls_first) {
            (None | Some(ast::OrderBySort::Asc), None) => "",
            (Some(ast::OrderBySort::Desc), None) => " DESC",
            _ => return None,
        };
        match column.operator_class {
            Some(_) => None,
            None => Some((plain(&column.column.expr, database)?, order)),
        }
    };
    index.columns.iter().map(key).collect()
}

pub(super) fn name(name: &ObjectName, database: Database) -> Option<Name> {
    object_name(name, database)
}

pub(super) fn column(def: &ast::ColumnDef, database: Database) -> Column {
    let mut column = Column {
        name: ident(&def.name, database),
        at: def.name.span.start.into(),
        ty: Type::of(&def.data_type),
        not_null: false,
        default: None,
        primary_key: false,
        unique: false,
        references: None,
        check: false,
        identity: false,
        generated: None,
    };
    for option in &def.options {
        apply(&mut column, &option.option, database);
    }
    column
}

pub(super) fn apply(column: &mut Column, option: &ColumnOption, database: Database) {
    match option {
        ColumnOption::NotNull => column.not_null = true,
        ColumnOption::Default(expr) => column.default = Some(expr.to_string()),
        ColumnOption::PrimaryKey(_) => column.primary_key = true,
        ColumnOption::Unique(_) => column.unique = true,
        ColumnOption::ForeignKey(key) => column.references = name(&key.foreign_table, database),
        ColumnOption::Check(_) => column.check = true,
        ColumnOption::Identity(_) => column.identity = true,
        ColumnOption::Generated {
            generation_expr: None,
            ..
        } => column.identity = true,
        ColumnOption::Generated {
            generated_as,
            generation_expr_mode,
            ..
        } => {
            // Without a word PostgreSQL 18, SQLite and MySQL make it virtual; PostgreSQL before 18 wants `STORED`.
            let stored = *generated_as == GeneratedAs::ExpStored
                || *generation_expr_mode == Some(GeneratedExpressionMode::Stored);
            column.generated = Some(if stored {
                Generated::Stored
            } else {
                Generated::Virtual
            });
        }
        ColumnOption::DialectSpecific(tokens) => {
            column.identity |= tokens.iter().any(|token| {
                let text = token.to_string().to_ascii_uppercase();
                text == "AUTO_INCREMENT" || text == "AUTOINCREMENT"
            });
        }
        _ => {}
    }
}

pub(super) fn constraint(constraint: &TableConstraint, database: Database) -> Option<Constraint> {
    let (given, kind) = match constraint {
        TableConstraint::PrimaryKey(key) => (
            &key.name,
            ConstraintKind::PrimaryKey {
                columns: key
                    .columns
                    .iter()
                    .filter_map(|column| plain(&column.column.expr, database))
                    .collect(),
                using_index: false,
            },
        ),
        TableConstraint::PrimaryKeyUsingIndex(key) => (
            &key.name,
            ConstraintKind::PrimaryKey {
                columns: Vec::new(),
                using_index: true,
            },
        ),
        TableConstraint::Unique(unique) => {
            let columns = unique.columns.iter();
            let columns = columns.filter_map(|column| plain(&column.column.expr, database));
            (
                &unique.name,
                ConstraintKind::Unique {
                    columns: columns.collect(),
                    using_index: false,
                },
            )
        }
        TableConstraint::UniqueUsingIndex(unique) => (
            &unique.name,
            ConstraintKind::Unique {
                columns: Vec::new(),
                using_index: true,
            },
        ),
        TableConstraint::ForeignKey(key) => (
            &key.name,
            ConstraintKind::ForeignKey {
                references: name(&key.foreign_table, database)?,
            },
        ),
        TableConstraint::Check(check) => (
            &check.name,
            ConstraintKind::Check {
                not_null: not_null(&check.expr, database),
            },
        ),
        TableConstraint::Exclude(exclude) => (&exclude.name, ConstraintKind::Exclude),
        TableConstraint::Index(index) => (
            &index.name,
            ConstraintKind::Index {
                columns: index.columns.len(),
            },
        ),
        TableConstraint::FulltextOrSpatial(_) => (&None, ConstraintKind::Index { columns: 1 }),
    };
    Some(Constraint {
        name: given.as_ref().map(|name| ident(name, database)),
        kind,
    })
}

/// The column of `column IS NOT NULL`.
fn not_null(expr: &Expr, database: Database) -> Option<Name> {
    match expr {
        Expr::Nested(inner) => not_null(inner, database),
        Expr::IsNotNull(inner) => plain(inner, database),
        _ => None,
    }
}

fn plain(expr: &Expr, database: Database) -> Option<Name> {
    match expr {
        Expr::Identifier(name) => Some(ident(name, database)),
        Expr::Nested(inner) => plain(inner, database),
        _ => None,
    }
}

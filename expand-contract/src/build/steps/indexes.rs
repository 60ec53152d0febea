//! The indexes over columns alone that the project's own migrations have made, and what becomes of them from step to step.

use crate::build::lints::{Database, History, KnownIndex};
use crate::build::models::Table as Source;
use crate::catalogue::{Index, IndexKey};
use crate::definition::{Dialect, MigrationDef};
use crate::phase::place::Place;
use crate::phase::{Pass, Step};
use crate::plan::{Context, SavedIndex};

/// As they are before the first step of a pass.
pub(super) fn at_first(
    (source, history): (&Source, &History),
    def: &MigrationDef,
    dialect: Dialect,
    place: Place,
) -> Vec<Index> {
    let database = match dialect {
        Dialect::Postgres => Database::Postgres,
        Dialect::Sqlite => Database::Sqlite,
    };
    let known = history.indexes_of((source.schema.as_deref(), &source.name), database);
    // SQLite's unique constraints are part of the table's definition, and the preflight names them
    let known = known.iter().filter(|index| {
        !index.keys.is_empty() && (dialect == Dialect::Postgres || !index.is_constraint)
    });
    // behind the first pass the intermediate column has taken the place of one that keeps its name
    let now = |column: &str| {
        let changes = def.changes.iter();
        let mut behind =
            changes.filter(|change| place.pass == Pass::Second && change.old == column);
        let via = behind.next().and_then(|change| change.via);
        via.unwrap_or(column).to_owned()
    };
    known
        .map(|known| index(known, source, dialect, &now))
        .collect()
}

fn index(
    known: &KnownIndex<'_>,
    source: &Source,
    dialect: Dialect,
    now: &dyn Fn(&str) -> String,
) -> Index {
    let keys = known.keys.iter();
    let keys: Vec<IndexKey> = keys
        .map(|(column, order)| IndexKey {
            column: now(column),
            expression: None,
            typed: match dialect {
                Dialect::Postgres => String::new(),
                // its catalogue names it always
                Dialect::Sqlite => " COLLATE \"BINARY\"".to_owned(),
            },
            order: (*order).to_owned(),
        })
        .collect();
    let list: Vec<String> = keys
        .iter()
        .map(|key| format!("{}{}", dialect.quote(&key.column), key.order))
        .collect();
    Index {
        name: known.name.to_owned(),
        unique: known.is_unique,
        primary: false,
        valid: true,
        constraint: known.is_constraint.then(String::new),
        method: match dialect {
            Dialect::Postgres => "USING \"btree\" ".to_owned(),
            Dialect::Sqlite => String::new(),
        },
        included: Vec::new(),
        nulls_not_distinct: false,
        storage: String::new(),
        tablespace: String::new(),
        condition: None,
        given: None,
        create_sql: format!(
            "CREATE {}INDEX {} ON {} ({})",
            if known.is_unique { "UNIQUE " } else { "" },
            dialect.quote(known.name),
            dialect.quote(&source.name),
            list.join(", ")
        ),
        keys,
        extras: Vec::new(),
        clustered: false,
        replica_identity: false,
        parts: Vec::new(),
        problem: None,
    }
}

/// As they are before a later step: with the copies that the steps before it have made.
pub(super) fn before(cx: &Context<'_>, step: Step) -> (Vec<Index>, Vec<SavedIndex>) {
    let mut indexes = cx.table.indexes.clone();
    let mut saved = Vec::new();
    if matches!(step, Step::Expand | Step::Backfill) {
        return (indexes, saved);
    }
    for index in cx.carried_indexes() {
        let replaced = index.unique && step == Step::Contract;
        let on_new = cx.index_on_new(index);
        let copy = cx.rules.copy_name(&index.name, replaced);
        if replaced {
            indexes.retain(|known| known.name != index.name);
            saved.push(SavedIndex {
                name: index.name.clone(),
                copy: copy.clone(),
                constraint: index.constraint.clone(),
                restore: String::new(),
                renamed: cx.rules.create_index(cx.table, &on_new, &index.name, false),
                plain: String::new(),
                extras: String::new(),
            });
        }
        indexes.push(Index {
            name: copy,
            unique: replaced,
            constraint: index.constraint.clone().filter(|_| replaced),
            ..on_new
        });
    }
    (indexes, saved)
}

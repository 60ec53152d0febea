//! Indexes and the constraints that are made of them.

use super::{part_indexes, quote, schema, Postgres};
use crate::backend::rules::Rules;
use crate::catalogue::{Extra, ExtraKind, Index, IndexKey, Table};
use crate::definition::Dialect;
use crate::phase::Step;
use crate::plan::{Action, Context, Kind, SavedIndex, Work};

pub(super) fn create(table: &Table, index: &Index, name: &str, live: bool) -> String {
    format!(
        "CREATE {}INDEX {}{} ON {} {}",
        if index.unique { "UNIQUE " } else { "" },
        if live { "CONCURRENTLY " } else { "" },
        quote(name),
        table.sql(),
        definition(index),
    )
}

/// What follows the table's name.
pub(super) fn definition(index: &Index) -> String {
    index.given.clone().unwrap_or_else(|| tail(index))
}

fn tail(index: &Index) -> String {
    let key = |key: &IndexKey| {
        let what = match &key.expression {
            Some(expression) => expression.sql(Dialect::Postgres),
            None => quote(&key.column),
        };
        format!("{what}{}{}", key.typed, key.order)
    };
    let keys: Vec<String> = index.keys.iter().map(key).collect();
    let mut sql = format!("{}({})", index.method, keys.join(", "));
    if !index.included.is_empty() {
        let names: Vec<String> = index.included.iter().map(|name| quote(name)).collect();
        sql.push_str(&format!(" INCLUDE ({})", names.join(", ")));
    }
    // the clause is for unique indexes only
    if index.unique && index.nulls_not_distinct {
        sql.push_str(" NULLS NOT DISTINCT");
    }
    sql.push_str(&index.storage);
    sql.push_str(&index.tablespace);
    if let Some(condition) = &index.condition {
        sql.push_str(&format!(" WHERE {}", condition.sql(Dialect::Postgres)));
    }
    sql
}

fn kind(index: &Index) -> &'static str {
    match index.primary {
        true => "PRIMARY KEY",
        false => "UNIQUE",
    }
}

/// A unique constraint, or a primary key, by its columns.
pub(super) fn clause(index: &Index) -> String {
    let list = |names: &mut dyn Iterator<Item = &String>| {
        let names: Vec<String> = names.map(|name| quote(name)).collect();
        names.join(", ")
    };
    let mut sql = format!("{} ", kind(index));
    if index.nulls_not_distinct {
        sql.push_str("NULLS NOT DISTINCT ");
    }
    // of constraints all keys are columns
    let keys = list(&mut index.keys.iter().map(|key| &key.column));
    sql.push_str(&format!("({keys})"));
    if !index.included.is_empty() {
        sql.push_str(&format!(" INCLUDE ({})", list(&mut index.included.iter())));
    }
    sql.push_str(&index.storage);
    if !index.tablespace.is_empty() {
        sql.push_str(&format!(" USING INDEX{}", index.tablespace));
    }
    sql.push_str(index.constraint.as_deref().unwrap_or_default());
    sql
}

/// Makes a constraint of a unique index.
pub(super) fn attach(table: &Table, name: &str, constraint: &str) -> Work {
    made_of(table, (name, "UNIQUE"), name, constraint)
}

/// Makes the constraint that `like` is of a unique index, which takes its name.
pub(in crate::backend::postgres) fn add(
    table: &Table,
    like: &Index,
    name: &str,
    index: &str,
) -> Work {
    let constraint = like.constraint.as_deref().unwrap_or_default();
    made_of(table, (name, kind(like)), index, constraint)
}

fn made_of(table: &Table, (name, kind): (&str, &str), index: &str, constraint: &str) -> Work {
    Work::Sql(format!(
        "ALTER TABLE {} ADD CONSTRAINT {} {kind} USING INDEX {}{constraint}",
        table.sql(),
        quote(name),
        quote(index)
    ))
}

/// Removes it with the constraint that it is part of.
pub(super) fn drop(table: &Table, index: &Index) -> Work {
    Work::Sql(match index.constraint {
        Some(_) => format!(
            "ALTER TABLE {} DROP CONSTRAINT {}",
            table.sql(),
            quote(&index.name)
        ),
        None => Postgres.drop_index(table, &index.name, false),
    })
}

pub(super) fn replica_identity(table: &Table, name: &str) -> String {
    format!(
        "ALTER TABLE {} REPLICA IDENTITY USING INDEX {}",
        table.sql(),
        quote(name)
    )
}

/// Comment, statistics targets, `CLUSTER ON`, replica identity: for the index of that name, whichever column it is on.
pub(in crate::backend::postgres) fn extras(cx: &Context<'_>, index: &Index) -> Vec<String> {
    let name = quote(&index.name);
    // of an index that the annotation gives the columns are others
    let given = cx.index_on_new(index).given.is_some();
    let applies = |extra: &&Extra| !given || extra.kind != ExtraKind::Target;
    let extras = index.extras.iter().filter(applies);
    let mut out: Vec<String> = extras.map(|extra| extra.sql(&name)).collect();
    let copy = cx
        .table
        .index(&cx.rules.copy_name(&index.name, index.unique));
    // CLUSTER takes no partial index
    let partial = copy.is_some_and(|copy| copy.condition.is_some());
    if index.clustered && !partial && !given {
        out.push(format!("ALTER TABLE {} CLUSTER ON {name}", cx.table.sql()));
    }
    // `retire` has moved it by the time
    if index.replica_identity || copy.is_some_and(|copy| copy.replica_identity) {
        out.push(replica_identity(cx.table, &index.name));
    }
    out
}

/// Old's unique indexes go as soon as no code writes old: stale values would collide.
pub(super) fn drop_old_unique(cx: &Context<'_>, step: Step) -> Vec<Action> {
    let one = |index: &Index| {
        let on_new = cx.index_on_new(index);
        let mut plain = on_new.clone();
        plain.unique = false;
        plain.constraint = None;
        let mut extras = extras(cx, index);
        let (restore, renamed, plain) = if cx.table.partitions.is_some() {
            extras.extend(part_indexes::restored_names(cx, index));
            let names = part_indexes::take_names(cx, index).join(";\n");
            (definition(index), names, definition(&plain))
        } else {
            (
                create(cx.table, index, &index.name, true),
                create(cx.table, &on_new, &index.name, false),
                create(
                    cx.table,
                    &plain,
                    &cx.rules.copy_name(&index.name, false),
                    true,
                ),
            )
        };
        let saved = SavedIndex {
            name: index.name.clone(),
            copy: match cx.is_left(&index.name) {
                true => String::new(),
                false => cx.rules.copy_name(&index.name, true),
            },
            constraint: index.constraint.clone(),
            restore,
            renamed,
            plain,
            extras: extras.join(";\n"),
        };
        Action::new(
            step,
            format!("drop unique index {}", index.name),
            Kind::Ddl,
            "ACCESS EXCLUSIVE",
            vec![Work::Save(saved), drop(cx.table, index)],
        )
    };
    let plain = |index: &&Index| index.unique && !index.primary;
    cx.old_indexes().filter(plain).map(one).collect()
}

/// Old's indexes go, and the copies take their names.
pub(super) fn take_names(cx: &Context<'_>) -> (Vec<Work>, Vec<Work>) {
    let (table, schema) = (cx.table.sql(), schema(cx.table));
    let (mut drops, mut renames) = (Vec::new(), Vec::new());
    let rename = |name: &str, copy: &str, constraint: bool| {
        let (name, copy) = (quote(name), quote(copy));
        Work::Sql(if constraint {
            format!("ALTER TABLE {table} RENAME CONSTRAINT {copy} TO {name}")
        } else {
            format!("ALTER INDEX {schema}{copy} RENAME TO {name}")
        })
    };
    for index in cx.old_indexes().filter(|index| !index.primary) {
        // behind the actions before, the unique ones are gone already
        if !index.unique {
            drops.push(drop(cx.table, index));
        }
        if cx.is_left(&index.name) {
            continue;
        }
        let copy = cx.rules.copy_name(&index.name, index.unique);
        renames.push(rename(&index.name, &copy, index.constraint.is_some()));
        renames.extend(
            part_indexes::take_names(cx, index)
                .into_iter()
                .map(Work::Sql),
        );
        renames.extend(extras(cx, index).into_iter().map(Work::Sql));
    }
    for saved in cx.saved.iter().filter(|saved| !saved.copy.is_empty()) {
        renames.push(rename(&saved.name, &saved.copy, saved.constraint.is_some()));
        if cx.table.partitions.is_some() && !saved.renamed.is_empty() {
            renames.push(Work::Sql(saved.renamed.clone()));
        }
        if !saved.extras.is_empty() {
            renames.push(Work::Sql(saved.extras.clone()));
        }
    }
    (drops, renames)
}

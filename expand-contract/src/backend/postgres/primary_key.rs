//! The primary key, where one of its columns migrates.
//!
//! Through `Switched` the old columns are the key: batches walk along it, upserts name it, other tables refer to it. The
//! new ones get a unique index with `retire`, and behind the barrier, when nobody names the old ones any more and no
//! foreign key depends on their index, one short transaction makes that index the primary key.

use super::quote;
use super::rules::{indexes, not_null, Postgres};
use crate::backend::rules::Rules;
use crate::catalogue::Index;
use crate::phase::Step;
use crate::plan::{Action, Context, Kind, Work};

/// Whether the column is in the primary key.
pub(super) fn has(cx: &Context<'_>, column: &str) -> bool {
    cx.table.primary_key.iter().any(|key| key == column)
}

/// The statements that make a unique index the primary key under the key's name.
pub(super) fn replace(cx: &Context<'_>, key: &Index, by: &str) -> [Work; 2] {
    let (table, name) = (cx.table.sql(), quote(&key.name));
    [
        Work::Sql(format!("ALTER TABLE {table} DROP CONSTRAINT {name}")),
        add(cx, key, by),
    ]
}

/// The statement that makes an index the primary key.
pub(super) fn add(cx: &Context<'_>, key: &Index, index: &str) -> Work {
    Work::Sql(format!(
        "ALTER TABLE {} ADD CONSTRAINT {} PRIMARY KEY USING INDEX {}{}",
        cx.table.sql(),
        quote(&key.name),
        quote(index),
        key.constraint.as_deref().unwrap_or_default()
    ))
}

/// Behind the barrier of `Retired`: the new columns are the key.
pub(super) fn replaced(cx: &Context<'_>, step: Step) -> Vec<Action> {
    let one = |key: &Index| {
        let mut work = replace(cx, key, &Postgres.copy_name(&key.name, true)).to_vec();
        // comment and the like went with the old one
        work.extend(indexes::extras(cx, key).into_iter().map(Work::Sql));
        for change in cx.changes.iter().filter(|change| has(cx, change.from)) {
            let moved = not_null::moved(cx, change.from, change.to);
            work.extend(moved.into_iter().map(Work::Sql));
        }
        let name = format!("primary key {} on the new columns", key.name);
        Action::new(step, name, Kind::Ddl, "ACCESS EXCLUSIVE", work)
    };
    let keys = cx.old_indexes().filter(|index| index.primary);
    keys.map(one).collect()
}

fn on_new<'c>(cx: &'c Context<'_>) -> impl Iterator<Item = &'c Index> {
    cx.table.indexes.iter().filter(|index| {
        let mut columns = cx.changes.iter().map(|change| change.to);
        index.primary && columns.any(|column| index.covers(column, cx.table.dialect))
    })
}

/// The old columns are complete again: the index that they need to be the key, and the one that the new ones are read by.
pub(super) fn restored(cx: &Context<'_>, step: Step) -> Vec<Action> {
    let mut actions = Vec::new();
    for key in on_new(cx) {
        let mut plain = key.clone();
        plain.unique = false;
        actions.extend(cx.create_index(step, &plain, &Postgres.copy_name(&key.name, false)));
        let old = cx.index_on_old(key);
        actions.extend(cx.create_index(step, &old, &Postgres.copy_name(&key.name, true)));
    }
    actions
}

/// In the transaction that completes the old columns, which are NOT NULL by then.
pub(super) fn restored_replaced(cx: &Context<'_>) -> Vec<Work> {
    on_new(cx)
        .flat_map(|key| {
            let mut work = replace(cx, key, &Postgres.copy_name(&key.name, true)).to_vec();
            work.extend(indexes::extras(cx, key).into_iter().map(Work::Sql));
            work
        })
        .collect()
}

//! The primary key, where one of its columns migrates.
//!
//! Through `Switched` the old columns are the key: batches walk along it, upserts name it, other tables refer to it. The
//! new ones get a unique index with `retire`, and behind the barrier, when nobody names the old ones any more and no
//! foreign key depends on their index, one short transaction makes that index the primary key.

use super::quote;
use super::rules::part_indexes::Wanted;
use super::rules::{indexes, not_null, Postgres};
use crate::backend::rules::Rules;
use crate::catalogue::Index;
use crate::phase::Step;
use crate::plan::{Action, Context, Kind, Work};

/// Whether the column is in the primary key.
pub(super) fn has(cx: &Context<'_>, column: &str) -> bool {
    cx.table.primary_key.iter().any(|key| key == column)
}

/// The statements that put a key on other columns in the place of the one that there is, under its name.
fn replace(cx: &Context<'_>, key: &Index, on: &Index) -> Vec<Work> {
    let (table, name) = (cx.table.sql(), quote(&key.name));
    let mut out = vec![Work::Sql(format!(
        "ALTER TABLE {table} DROP CONSTRAINT {name}"
    ))];
    match cx.table.partitions {
        Some(_) => out.extend(Wanted::key(cx, key, on).constraint()),
        None => {
            let built = Postgres.copy_name(&key.name, true);
            out.push(indexes::add(cx.table, key, &key.name, &built));
        }
    }
    out
}

/// Behind the barrier of `Retired`: the new columns are the key.
pub(super) fn replaced(cx: &Context<'_>, step: Step) -> Vec<Action> {
    let one = |key: &Index| {
        let on_new = cx.index_on_new(key);
        let (mut actions, mut work) = (Vec::new(), replace(cx, key, &on_new));
        if cx.table.partitions.is_some() {
            // the unique copy's parts cannot be taken from it, and it is what upserts go by until now
            actions.extend(Wanted::key(cx, key, &on_new).unique(step, true));
            let copy = Postgres.copy_name(&key.name, true);
            work.push(Work::Sql(Postgres.drop_index(cx.table, &copy, false)));
        }
        // comment and the like went with the old one
        work.extend(indexes::extras(cx, key).into_iter().map(Work::Sql));
        for change in cx.changes.iter().filter(|change| has(cx, change.from)) {
            let moved = not_null::moved(cx, change.from, change.to);
            work.extend(moved.into_iter().map(Work::Sql));
        }
        let name = format!("primary key {} on the new columns", key.name);
        actions.push(Action::new(step, name, Kind::Ddl, "ACCESS EXCLUSIVE", work));
        actions
    };
    let keys = cx.old_indexes().filter(|index| index.primary);
    keys.flat_map(one).collect()
}

/// What was built for the new key of a partitioned table, and did not come to be it.
pub(super) fn drop_built(cx: &Context<'_>) -> Vec<String> {
    let keys = cx.old_indexes().filter(|index| index.primary);
    keys.flat_map(|key| Wanted::key(cx, key, key).drop_loose())
        .collect()
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
        let name = Postgres.copy_name(&key.name, false);
        let old = cx.index_on_old(key);
        if cx.table.partitions.is_some() {
            actions.extend(Wanted::copy(cx, (key, &plain), &name).unique(step, false));
            actions.extend(Wanted::key(cx, key, &old).unique(step, true));
            continue;
        }
        actions.extend(cx.create_index(step, &plain, &name));
        actions.extend(cx.create_index(step, &old, &Postgres.copy_name(&key.name, true)));
    }
    actions
}

/// In the transaction that completes the old columns, which are NOT NULL by then.
pub(super) fn restored_replaced(cx: &Context<'_>) -> Vec<Work> {
    on_new(cx)
        .flat_map(|key| {
            let mut work = replace(cx, key, &cx.index_on_old(key));
            work.extend(indexes::extras(cx, key).into_iter().map(Work::Sql));
            work
        })
        .collect()
}

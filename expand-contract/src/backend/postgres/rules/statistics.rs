//! Extended statistics.

use super::quote;
use crate::catalogue::{ExtraKind, Statistics};
use crate::plan::Context;

fn copy_name(cx: &Context<'_>, statistics: &Statistics) -> String {
    cx.rules.copy_name(&statistics.name, false)
}

fn create(cx: &Context<'_>, statistics: &Statistics, name: &str) -> String {
    format!(
        "CREATE STATISTICS {}{}{} ON {} FROM {}",
        statistics.schema,
        quote(name),
        statistics.kinds,
        cx.statistics_on_new(statistics),
        cx.table.sql()
    )
}

fn carried<'a>(cx: &'a Context<'_>) -> impl Iterator<Item = &'a Statistics> {
    cx.old_statistics()
        .filter(|statistics| !cx.is_left(&statistics.name))
}

/// Copies under names of their own, and the targets that ANALYZE goes by.
pub(super) fn copy(cx: &Context<'_>) -> Vec<String> {
    let mut out = Vec::new();
    let targets = |extras: &[crate::catalogue::Extra], name: &str| {
        let targets = extras.iter().filter(|e| e.kind == ExtraKind::Target);
        targets
            .map(|extra| extra.sql(&quote(name)))
            .collect::<Vec<_>>()
    };
    for statistics in carried(cx) {
        let name = copy_name(cx, statistics);
        if cx.table.statistics(&name).is_none() {
            out.push(create(cx, statistics, &name));
            out.extend(targets(&statistics.extras, &name));
        }
    }
    for index in cx.carried_indexes() {
        out.extend(targets(
            &index.extras,
            &cx.rules.copy_name(&index.name, false),
        ));
    }
    out
}

/// Looks at the new columns only, where nothing but they is new: a wide table costs as much as all of its columns. That of
/// all columns also looks at expressions of indexes and at extended statistics (manual, *ANALYZE*).
pub(super) fn analyze(cx: &Context<'_>) -> String {
    let table = cx.table.sql();
    let mut indexes = cx.carried_indexes().map(|index| cx.index_on_new(index));
    let expressions = indexes.any(|index| {
        // what an annotation gives may be anything
        index.given.is_some() || index.keys.iter().any(|key| key.expression.is_some())
    });
    if expressions || carried(cx).next().is_some() {
        return format!("ANALYZE {table}");
    }
    let columns: Vec<String> = cx.changes.iter().map(|change| quote(change.to)).collect();
    format!("ANALYZE {table} ({})", columns.join(", "))
}

/// The old ones go, and the copies take their names.
pub(super) fn take_names(cx: &Context<'_>) -> (Vec<String>, Vec<String>) {
    let (mut drop, mut rename) = (Vec::new(), Vec::new());
    for statistics in cx.old_statistics() {
        drop.push(drop_one(statistics, &statistics.name));
        if cx.is_left(&statistics.name) {
            continue;
        }
        let copy = copy_name(cx, statistics);
        let name = quote(&statistics.name);
        rename.push(format!(
            "ALTER STATISTICS {}{} RENAME TO {name}",
            statistics.schema,
            quote(&copy)
        ));
        let extras = statistics.extras.iter();
        rename.extend(extras.map(|extra| extra.sql(&name)));
    }
    (drop, rename)
}

/// On an empty table, under their own names.
pub(super) fn on_empty(cx: &Context<'_>) -> (Vec<String>, Vec<String>) {
    let (mut drop, mut build) = (Vec::new(), Vec::new());
    for statistics in cx.old_statistics() {
        drop.push(drop_one(statistics, &statistics.name));
        if cx.is_left(&statistics.name) {
            continue;
        }
        build.push(create(cx, statistics, &statistics.name));
        let extras = statistics.extras.iter();
        build.extend(extras.map(|extra| extra.sql(&quote(&statistics.name))));
    }
    (drop, build)
}

/// Those on the new columns only.
pub(super) fn drop_copies(cx: &Context<'_>) -> Vec<String> {
    let (table, dialect) = (cx.table, cx.table.dialect);
    let on_new = |statistics: &&Statistics| {
        cx.changes.iter().any(|change| {
            statistics.on.mentions(change.to, dialect)
                && !statistics.on.mentions(change.from, dialect)
        })
    };
    let copies = table.statistics.iter().filter(on_new);
    copies
        .map(|statistics| drop_one(statistics, &statistics.name))
        .collect()
}

fn drop_one(statistics: &Statistics, name: &str) -> String {
    format!(
        "DROP STATISTICS IF EXISTS {}{}",
        statistics.schema,
        quote(name)
    )
}

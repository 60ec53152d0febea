//! SQLite: AFTER triggers, since `NEW` cannot be assigned to; `RETURNING` shows the row as it was before them.
//!
//! The statement of a trigger fires the others, so each acts only on what the others do not leave behind. SQLite does not
//! say in which order triggers fire (*CREATE TRIGGER*), so each works on the row as it is by then.
//!
//! A conversion that raises instead of giving NULL fails the statement of whoever writes: nothing catches it here.

use crate::backend::mirror::{Mirror, PREFIX};
use crate::backend::rules::Rules;
use crate::definition::{Conversion, Dialect};
use crate::error::Error;
use crate::ledger::{self, Origin};
use crate::phase::Side;
use crate::plan::Context;

use super::rules::Sqlite;

fn trigger(cx: &Context<'_>, mirror: &Mirror<'_>, event: &str) -> String {
    let quote = |name: &str| cx.table.dialect.quote(name);
    let name = quote(&format!("{PREFIX}{}_{event}", mirror.tag));
    match &cx.table.name.schema {
        Some(schema) => format!("{}.{name}", quote(schema)),
        None => name,
    }
}

const FORWARD: [&str; 2] = ["insert_old", "update_old"];
const BACKWARD: [&str; 2] = ["insert_new", "update_new"];
const REFUSE: [&str; 2] = ["insert_both", "update_both"];

/// Statements that install the triggers. `retired`: nobody reads the old column any more, and the new one has its
/// default. The mirror to the old one is there as long as instances write both: a stale value in it could be another
/// row's, and a unique index would refuse their statement.
pub(crate) fn install(cx: &Context<'_>, retired: bool) -> Result<Vec<String>, Error> {
    let mut out = Vec::new();
    for mirror in Mirror::all(cx) {
        forward(cx, &mirror, retired, &mut out)?;
        backward(cx, &mirror, retired, &mut out)?;
    }
    Ok(out)
}

fn forward(
    cx: &Context<'_>,
    mirror: &Mirror<'_>,
    retired: bool,
    out: &mut Vec<String>,
) -> Result<(), Error> {
    let quote = |name: &str| cx.table.dialect.quote(name);
    let table = quote(&cx.table.name.name);
    let (Some(up), Some(consistent), Some(filled), Some(left)) = (
        cx.convert(mirror.change, Side::Old, &quote(mirror.change.from))?,
        mirror.consistent()?,
        mirror.backward()?,
        cx.consistent(mirror.change)?,
    ) else {
        return Ok(());
    };
    let (old, new) = (mirror.old("NEW"), mirror.new("NEW"));
    let (old_kept, new_kept) = (mirror.old_kept(), mirror.new_kept()?);
    let this_row = this_row(cx);
    // the row as it is by now, not as the statement left it: another trigger may have been here in between
    let set = format!(
        "UPDATE {table} SET {} = {up} WHERE {this_row} AND NOT {left};",
        quote(mirror.change.to)
    );
    let id = Sqlite.literal(cx.def.id);
    let origin = mirror.origin(&id);
    let saw = ledger::saw(Dialect::Sqlite, origin, Side::Old);
    let poisoned = poisoned(cx, mirror, origin)?;
    // an INSERT that names only one column comes with the other one's default
    let (only_old, only_new) = (
        mirror.new_defaulted(retired)?,
        mirror.old_defaulted(retired),
    );
    // `filled`: what a mirror from the new column leaves, or a dual-writer where the old one was not copied back
    let whens = [
        (
            "INSERT",
            format!(
                "({new} IS NULL{}) AND {old} IS NOT NULL AND NOT {consistent}",
                only_old.or()
            ),
        ),
        (
            "UPDATE",
            format!("NOT {old_kept} AND {new_kept} AND NOT {filled}"),
        ),
    ];
    for (event, (kind, when)) in FORWARD.iter().zip(whens) {
        out.push(format!(
            "CREATE TRIGGER {} AFTER {kind} ON {table} WHEN {when} BEGIN {set} {poisoned} {saw} END",
            trigger(cx, mirror, event)
        ));
    }
    let message = Sqlite.literal(&format!(
        "columns {} and {} of {} were given values that do not belong together: write one of the two, or both \
         through expand-contract",
        mirror.change.from, mirror.change.to, cx.table.name
    ));
    let whens = [
        (
            "INSERT",
            format!(
                "NOT ({new} IS NULL OR {old} IS NULL{}{})",
                only_old.or(),
                only_new.or()
            ),
        ),
        ("UPDATE", format!("NOT {old_kept} AND NOT {new_kept}")),
    ];
    for (event, (kind, when)) in REFUSE.iter().zip(whens) {
        out.push(format!(
            "CREATE TRIGGER {} BEFORE {kind} ON {table} WHEN {when} AND NOT {consistent} \
             BEGIN SELECT RAISE(ABORT, {message}); END",
            trigger(cx, mirror, event)
        ));
    }
    Ok(())
}

fn backward(
    cx: &Context<'_>,
    mirror: &Mirror<'_>,
    retired: bool,
    out: &mut Vec<String>,
) -> Result<(), Error> {
    let quote = |name: &str| cx.table.dialect.quote(name);
    let table = quote(&cx.table.name.name);
    let (Some(down), Some(consistent), Some(filled), Some(left)) = (
        cx.convert(mirror.change, Side::New, &quote(mirror.change.to))?,
        mirror.consistent()?,
        mirror.copied()?,
        cx.consistent(mirror.change)?,
    ) else {
        return Ok(());
    };
    let (old, new) = (mirror.old("NEW"), mirror.new("NEW"));
    let (old_kept, new_kept) = (mirror.old_kept(), mirror.new_kept()?);
    let set = format!(
        "UPDATE {table} SET {} = {down} WHERE {} AND NOT {left};",
        quote(mirror.change.from),
        this_row(cx)
    );
    let id = Sqlite.literal(cx.def.id);
    // from `Retired` on all code writes only the new column
    let saw = match retired {
        true => String::new(),
        false => ledger::saw(Dialect::Sqlite, mirror.origin(&id), Side::New),
    };
    // `filled`: what the mirror to the new column wrote, NULL for what does not convert included. That is not consistent,
    // and must not come back.
    let whens = [
        (
            "INSERT",
            format!(
                "{new} IS NOT NULL AND ({old} IS NULL{}) AND NOT {consistent} AND NOT {filled}",
                mirror.old_defaulted(retired).or()
            ),
        ),
        (
            "UPDATE",
            format!("{old_kept} AND NOT {new_kept} AND NOT {filled}"),
        ),
    ];
    for (event, (kind, when)) in BACKWARD.iter().zip(whens) {
        out.push(format!(
            "CREATE TRIGGER {} AFTER {kind} ON {table} WHEN {when} BEGIN {set} {saw} END",
            trigger(cx, mirror, event)
        ));
    }
    Ok(())
}

/// The statement that puts a row on record whose value became NULL on the way.
fn poisoned(cx: &Context<'_>, mirror: &Mirror<'_>, origin: Origin<'_>) -> Result<String, Error> {
    let Some(up) = mirror
        .up()?
        .filter(|_| mirror.change.conversion != Conversion::Identity)
    else {
        return Ok(String::new());
    };
    let key = |name: &String| {
        let column = cx.table.dialect.quote(name);
        format!("coalesce(CAST(NEW.{column} AS TEXT), 'NULL')")
    };
    let keys: Vec<String> = cx.table.primary_key.iter().map(key).collect();
    let key = match keys.as_slice() {
        [one] => one.clone(),
        many => format!("('(' || {} || ')')", many.join(" || ', ' || ")),
    };
    // NULL may be the right value: then it makes the old one again
    let back = cx
        .convert(mirror.change, Side::New, "NULL")?
        .unwrap_or_default();
    let condition = format!(
        "{old} IS NOT NULL AND ({up}) IS NULL AND NOT ({old} IS ({back}))",
        old = mirror.old("NEW")
    );
    Ok(ledger::poisoned(
        Dialect::Sqlite,
        origin,
        &key,
        Some(&condition),
    ))
}

/// The row of the trigger: by its rowid, since a primary key may hold NULLs.
fn this_row(cx: &Context<'_>) -> String {
    let keys: Vec<String> = cx
        .table
        .cursor
        .iter()
        .map(|key| format!("{key} IS NEW.{key}", key = key.sql))
        .collect();
    keys.join(" AND ")
}

/// Statements that drop the triggers: SQLite refuses to drop a column that one mentions.
pub(crate) fn drop_triggers(cx: &Context<'_>) -> Vec<String> {
    drop_events(cx, &[FORWARD, BACKWARD, REFUSE].concat())
}

/// Statements that drop the mirror to the old column, once nobody writes that any more.
pub(crate) fn drop_backward(cx: &Context<'_>) -> Vec<String> {
    drop_events(cx, &BACKWARD)
}

fn drop_events(cx: &Context<'_>, events: &[&str]) -> Vec<String> {
    Mirror::all(cx)
        .flat_map(|mirror| {
            events
                .iter()
                .map(|event| format!("DROP TRIGGER IF EXISTS {}", trigger(cx, &mirror, event)))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// The names of the triggers. `retired`: as [`drop_backward`] leaves them.
pub(crate) fn names(cx: &Context<'_>, retired: bool) -> Result<Vec<String>, Error> {
    let mut events: Vec<&str> = [FORWARD, REFUSE].concat();
    if !retired {
        events.extend(BACKWARD);
    }
    let mut out = Vec::new();
    for mirror in Mirror::all(cx) {
        if mirror.consistent()?.is_none() {
            continue;
        }
        out.extend(
            events
                .iter()
                .map(|event| format!("{PREFIX}{}_{event}", mirror.tag)),
        );
    }
    Ok(out)
}

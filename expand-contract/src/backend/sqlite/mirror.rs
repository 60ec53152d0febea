//! SQLite: AFTER triggers, since `NEW` cannot be assigned to; `RETURNING` shows the row as it was before them.
//!
//! The statement of a trigger fires the others, so each acts only on a row that is not consistent: what it writes is.

use crate::backend::mirror::{Mirror, PREFIX};
use crate::backend::rules::Rules;
use crate::backend::session::{Session, BIND};
use crate::catalogue::Table;
use crate::error::{Error, While};
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
/// default; then there is no mirror to the old one.
pub(crate) fn install(cx: &Context<'_>, retired: bool) -> Result<Vec<String>, Error> {
    let mut out = forward(cx, retired)?;
    if !retired {
        out.extend(backward(cx)?);
    }
    Ok(out)
}

fn forward(cx: &Context<'_>, retired: bool) -> Result<Vec<String>, Error> {
    let quote = |name: &str| cx.table.dialect.quote(name);
    let table = quote(&cx.table.name.name);
    let this_row = this_row(cx);
    let mut out = Vec::new();
    for mirror in Mirror::all(cx) {
        let (Some(up), Some(consistent)) = (mirror.up()?, mirror.consistent()?) else {
            continue;
        };
        let (old, new) = (mirror.old("NEW"), mirror.new("NEW"));
        let (old_kept, new_kept) = (mirror.old_kept(), mirror.new_kept()?);
        let set = format!(
            "UPDATE {table} SET {} = {up} WHERE {this_row}",
            quote(mirror.change.to)
        );
        // an INSERT that names only one column comes with the other one's default
        let (only_old, only_new) = (
            mirror.new_is_default(retired)?,
            mirror.old_is_default(retired),
        );
        let or = |default: &Option<String>| match default {
            Some(is_default) => format!(" OR {is_default}"),
            None => String::new(),
        };
        let whens = [
            (
                "INSERT",
                format!("({new} IS NULL{}) AND {old} IS NOT NULL", or(&only_old)),
            ),
            ("UPDATE", format!("NOT {old_kept} AND {new_kept}")),
        ];
        for (event, (kind, when)) in FORWARD.iter().zip(whens) {
            out.push(format!(
                "CREATE TRIGGER {} AFTER {kind} ON {table} WHEN {when} AND NOT {consistent} BEGIN {set}; END",
                trigger(cx, &mirror, event)
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
                    or(&only_old),
                    or(&only_new)
                ),
            ),
            ("UPDATE", format!("NOT {old_kept} AND NOT {new_kept}")),
        ];
        for (event, (kind, when)) in REFUSE.iter().zip(whens) {
            out.push(format!(
                "CREATE TRIGGER {} BEFORE {kind} ON {table} WHEN {when} AND NOT {consistent} \
                 BEGIN SELECT RAISE(ABORT, {message}); END",
                trigger(cx, &mirror, event)
            ));
        }
    }
    Ok(out)
}

/// Statements that install the triggers from the new column to the old one.
fn backward(cx: &Context<'_>) -> Result<Vec<String>, Error> {
    let quote = |name: &str| cx.table.dialect.quote(name);
    let table = quote(&cx.table.name.name);
    let this_row = this_row(cx);
    let mut out = Vec::new();
    for mirror in Mirror::all(cx) {
        let (Some(down), Some(consistent)) = (mirror.down()?, mirror.consistent()?) else {
            continue;
        };
        let (old, new) = (mirror.old("NEW"), mirror.new("NEW"));
        let (old_kept, new_kept) = (mirror.old_kept(), mirror.new_kept()?);
        let set = format!(
            "UPDATE {table} SET {} = {down} WHERE {this_row}",
            quote(mirror.change.from)
        );
        let defaulted = match mirror.old_is_default(false) {
            Some(is_default) => format!("({old} IS NULL OR {is_default})"),
            None => format!("{old} IS NULL"),
        };
        // Not for what the mirror to the new column wrote: a value that does not convert becomes NULL there, which is not
        // consistent either, and must not come back.
        let copied = mirror.copied()?.unwrap_or_default();
        let whens = [
            ("INSERT", format!("{new} IS NOT NULL AND {defaulted}")),
            ("UPDATE", format!("{old_kept} AND NOT {new_kept}")),
        ];
        for (event, (kind, when)) in BACKWARD.iter().zip(whens) {
            out.push(format!(
                "CREATE TRIGGER {} AFTER {kind} ON {table} WHEN {when} AND NOT {consistent} AND NOT {copied} BEGIN {set}; END",
                trigger(cx, &mirror, event)
            ));
        }
    }
    Ok(out)
}

/// The row of the trigger, by its primary key.
fn this_row(cx: &Context<'_>) -> String {
    let same = |column: &String| {
        let column = cx.table.dialect.quote(column);
        format!("{column} IS NEW.{column}")
    };
    let key: Vec<String> = cx.table.primary_key.iter().map(same).collect();
    key.join(" AND ")
}

/// Statements that drop the triggers: SQLite refuses to drop a column that one mentions.
pub(crate) fn drop_triggers(cx: &Context<'_>) -> Vec<String> {
    let events: Vec<&str> = [FORWARD, BACKWARD, REFUSE].concat();
    Mirror::all(cx)
        .flat_map(|mirror| {
            events
                .iter()
                .map(|event| format!("DROP TRIGGER IF EXISTS {}", trigger(cx, &mirror, event)))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// The names of the triggers. `retired`: as [`install`] takes it.
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

/// Those that are not on the table.
pub(super) fn missing(
    s: &mut dyn Session,
    table: &Table,
    triggers: &[String],
) -> Result<Vec<String>, Error> {
    let master = match &table.name.schema {
        Some(schema) => format!("{}.sqlite_master", table.dialect.quote(schema)),
        None => "sqlite_master".to_owned(),
    };
    let sql = format!(
        "SELECT name FROM {master} WHERE type = 'trigger' AND lower(tbl_name) = lower({BIND})"
    );
    let rows = s
        .rows(&sql, &[Some(table.name.name.clone())])
        .during("looking for the triggers of the safety net")?;
    let found: Vec<String> = rows.into_iter().flatten().flatten().collect();
    let missing = triggers.iter().filter(|name| !found.contains(name));
    Ok(missing.cloned().collect())
}

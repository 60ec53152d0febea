//! SQLite: the triggers that queue, or refuse, what was written to one column only.
//!
//! `NEW` cannot be assigned to, so a value goes away by a statement of an AFTER trigger, which fires the others; and there
//! are no settings, so what a trigger has to know of the statement around it is a mark among the entries of the queue (see
//! the ledger): that the statement names both columns, or that the runner copies.

use crate::backend::mirror::{Mirror, PREFIX};
use crate::backend::queue::{all, ledger, refusal, Mode};
use crate::backend::rules::Rules;
use crate::catalogue::Table;
use crate::definition::Dialect;
use crate::error::Error;
use crate::ledger::{Written, COPYING, NAMED};
use crate::plan::Context;

use super::rules::Sqlite;

const TRIGGERS: [&str; 6] = ["insert", "named_new", "named_old", "old", "new", "move"];

fn trigger_name(cx: &Context<'_>, mirror: &Mirror<'_>, event: &str) -> String {
    let quote = |name: &str| cx.table.dialect.quote(name);
    let name = quote(&format!("{PREFIX}{}_queue_{event}", mirror.tag));
    match &cx.table.name.schema {
        Some(schema) => format!("{}.{name}", quote(schema)),
        None => name,
    }
}

/// The primary key of a row as literals, so that a value of any type is found again. `row`: what comes before a column's
/// name.
pub(crate) fn row_key(table: &Table, row: &str) -> String {
    let keys: Vec<String> = table
        .primary_key
        .iter()
        .map(|name| {
            let column = format!("{row}{}", Dialect::Sqlite.quote(name));
            // `quote` ends at a NUL
            format!(
                "CASE typeof({column}) WHEN 'text' THEN 'CAST(X''' || hex({column}) || ''' AS TEXT)' \
                 ELSE quote({column}) END"
            )
        })
        .collect();
    match keys.as_slice() {
        [one] => format!("({one})"),
        many => format!("({})", many.join(" || ', ' || ")),
    }
}

/// The literals of a key that [`row_key`] made; none if it is anything else.
pub(crate) fn literals(key: &str) -> Option<Vec<&str>> {
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let blob = |text: &str| {
        let inner = text.strip_prefix("X'").and_then(|t| t.strip_suffix('\''));
        inner.is_some_and(hex)
    };
    let text = |text: &str| {
        let inner = text
            .strip_prefix("CAST(")
            .and_then(|t| t.strip_suffix(" AS TEXT)"));
        inner.is_some_and(blob)
    };
    let number = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))
    };
    let parts: Vec<&str> = key.split(", ").collect();
    parts
        .iter()
        .all(|part| *part == "NULL" || number(part) || blob(part) || text(part))
        .then_some(parts)
}

/// Statements that install the triggers, or put them in another mode.
pub(crate) fn install(cx: &Context<'_>, mode: Mode) -> Result<Vec<String>, Error> {
    let mut out = drop_triggers(cx);
    for mirror in all(cx) {
        create_triggers(cx, &mirror, mode, &mut out)?;
    }
    Ok(out)
}

// The statements for a row of which one column alone was written. `but`: a condition on all of them.
fn act(
    mirror: &Mirror<'_>,
    mode: Mode,
    written: Written,
    key: &str,
    but: &str,
) -> Result<Vec<String>, Error> {
    if !mode.queues(written) {
        let (message, hint) = refusal(mirror, written);
        let message = Sqlite.literal(&format!("{message}: {hint}"));
        return Ok(vec![format!("SELECT RAISE(ABORT, {message}) WHERE {but}")]);
    }
    let ledger = ledger(mirror.cx);
    let side = format!("'{}'", written.as_str());
    let (update, insert) = ledger.enqueue_sql(mirror.change.index, &side, key)?;
    let unqueued = ledger.unqueued_sql(mirror.change.index, None, key)?;
    Ok(vec![
        format!("{update} AND {but}"),
        format!("{insert} WHERE {but} AND {unqueued}"),
    ])
}

fn create_triggers(
    cx: &Context<'_>,
    mirror: &Mirror<'_>,
    mode: Mode,
    out: &mut Vec<String>,
) -> Result<(), Error> {
    let quote = |name: &str| cx.table.dialect.quote(name);
    let table = quote(&cx.table.name.name);
    let index = mirror.change.index;
    let ledger = ledger(cx);
    let key = row_key(cx.table, "NEW.");
    let (old, new) = (mirror.old("NEW"), mirror.new("NEW"));
    let (old_kept, new_kept) = (mirror.old_kept(), mirror.new_kept()?);
    let only_old = format!("NOT {old_kept} AND {new_kept}");
    let only_new = format!("{old_kept} AND NOT {new_kept}");
    let (from, to) = (quote(mirror.change.from), quote(mirror.change.to));
    // A statement that names both columns and then skips its row (UPDATE OR IGNORE) leaves its mark: it is for these values
    // only, and the runner's next transaction clears it away.
    let marked = format!("({key} || ' ' || quote({old}) || ' ' || quote({new}))");
    let [set, clear, named] = ledger.mark_sql(index, NAMED, &marked)?;
    let [_, _, copying] = ledger.mark_sql(index, COPYING, "''")?;
    let mut create = |name: &str, event: &str, when: &str, body: Vec<String>| {
        let name = trigger_name(cx, mirror, name);
        out.push(format!(
            "CREATE TRIGGER {name} {event} ON {table} WHEN {when} BEGIN {}; END",
            body.join("; ")
        ));
    };

    let mut body = act(mirror, mode, Written::Old, &key, &format!("{new} IS NULL"))?;
    if !mode.ignores_new() {
        let not = format!("{old} IS NULL");
        body.extend(act(mirror, mode, Written::New, &key, &not)?);
    }
    create(
        "insert",
        "AFTER INSERT",
        &format!("({old} IS NULL) <> ({new} IS NULL)"),
        body,
    );

    let mark = vec![clear.clone(), set.clone()];
    for (name, column, when) in [
        ("named_new", &to, &only_old),
        ("named_old", &from, &only_new),
    ] {
        if name == "named_new" || !mode.ignores_new() {
            create(
                name,
                &format!("BEFORE UPDATE OF {column}"),
                &format!("{when} AND NOT {copying}"),
                mark.clone(),
            );
        }
    }

    let unnamed = format!("NOT {named}");
    let this_row = this_row(cx);
    let mut body = act(mirror, mode, Written::Old, &key, &unnamed)?;
    if mode.queues(Written::Old) {
        // the statement fires the trigger for the new column, for which it is marked: it comes to this row again with the
        // mark set, and takes it away
        body.push(format!(
            "UPDATE {table} SET {from} = {from}, {to} = NULL WHERE {this_row} AND {to} IS NOT NULL AND {unnamed}"
        ));
    }
    body.push(clear.clone());
    create(
        "old",
        "AFTER UPDATE",
        &format!("{only_old} AND NOT {copying}"),
        body,
    );
    if !mode.ignores_new() {
        let mut body = act(mirror, mode, Written::New, &key, &unnamed)?;
        if mode.queues(Written::New) {
            // NULL is NULL on both sides
            body.push(format!(
                "UPDATE {table} SET {from} = NULL, {to} = {to} WHERE {this_row} AND {new} IS NULL \
                 AND {from} IS NOT NULL AND {unnamed}"
            ));
        }
        body.push(clear.clone());
        create(
            "new",
            "AFTER UPDATE",
            &format!("{only_new} AND NOT {copying}"),
            body,
        );
    }

    let moved: Vec<String> = cx
        .table
        .primary_key
        .iter()
        .map(|name| format!("NEW.{0} IS NOT OLD.{0}", quote(name)))
        .collect();
    let moving = ledger.move_sql(index, &row_key(cx.table, "OLD."), &key)?;
    create("move", "AFTER UPDATE", &moved.join(" OR "), vec![moving]);
    Ok(())
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

/// The names of the triggers. `retired`: as [`Mode::Retired`] leaves them.
pub(crate) fn names(cx: &Context<'_>, retired: bool) -> Vec<String> {
    let there = |name: &&str| !(retired && matches!(*name, "named_old" | "new"));
    all(cx)
        .flat_map(|mirror| {
            let names = TRIGGERS.into_iter().filter(there);
            names
                .map(|name| format!("{PREFIX}{}_queue_{name}", mirror.tag))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Statements that drop the triggers.
pub(crate) fn drop_triggers(cx: &Context<'_>) -> Vec<String> {
    all(cx)
        .flat_map(|mirror| TRIGGERS.map(|event| trigger_name(cx, &mirror, event)))
        .map(|trigger| format!("DROP TRIGGER IF EXISTS {trigger}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::literals;

    #[test]
    fn a_key_is_literals_and_nothing_else() {
        for key in [
            "1",
            "-5, CAST(X'C3A9' AS TEXT)",
            "NULL, X'00FF', 1.5e+300",
            "CAST(X'' AS TEXT)",
        ] {
            assert_eq!(
                literals(key).map(|parts| parts.join(", ")).as_deref(),
                Some(key)
            );
        }
        for key in [
            "",
            "1; DROP TABLE t",
            "x",
            "'a'",
            "X'0g'",
            "1, ",
            "CAST(1 AS TEXT)",
        ] {
            assert_eq!(literals(key), None, "{key}");
        }
    }
}

//! PostgreSQL: the triggers that queue, or refuse, what was written to one column only.
//!
//! A dual-writer's rows pass the `WHEN` clauses without a function call. For an INSERT an AFTER trigger is enough, so rows
//! that `ON CONFLICT` turned away are not queued, and `COPY` keeps inserting in batches. For an UPDATE the trigger comes
//! BEFORE, since it takes the other value away. Whether a statement names a column is known only to triggers that are
//! declared for the column (manual, *CREATE TRIGGER*): they fire first, by their names, and leave word in a setting.

use crate::backend::mirror::{Mirror, PREFIX};
use crate::backend::queue::{all, ledger, refusal, Mode};
use crate::backend::rules::Rules;
use crate::catalogue::Table;
use crate::error::Error;
use crate::ledger::Written;
use crate::plan::Context;

use super::mirror::NOT_COPYING;
use super::rules::Postgres;

/// The setting in which a trigger leaves word that the statement names both columns.
const NAMED: &str = "expand_contract.named";

const FUNCTIONS: [&str; 4] = ["insert", "update", "named", "move"];
const TRIGGERS: [&str; 5] = ["insert", "a_named_new", "a_named_old", "update", "z_move"];

fn function_name(mirror: &Mirror<'_>, name: &str) -> String {
    format!("expand_contract.\"queue_{}_{name}\"", mirror.tag)
}

fn trigger_name(mirror: &Mirror<'_>, name: &str) -> String {
    format!("\"{PREFIX}{}_queue_{name}\"", mirror.tag)
}

/// The primary key of a row as text. `row`: what comes before a column's name.
pub(crate) fn row_key(table: &Table, row: &str) -> String {
    let keys: Vec<String> = table
        .cursor
        .iter()
        .map(|key| format!("{row}{}::text", key.sql))
        .collect();
    format!("pg_catalog.jsonb_build_array({})::text", keys.join(", "))
}

// The settings under which a key has the text that the runner knows it by; most types have but one.
fn settings(table: &Table) -> &'static str {
    let plain = |type_sql: &str| {
        let base = type_sql.split('(').next().unwrap_or_default().trim();
        matches!(
            base,
            "smallint"
                | "integer"
                | "bigint"
                | "numeric"
                | "boolean"
                | "uuid"
                | "text"
                | "character varying"
                | "character"
                | "oid"
        )
    };
    if table.cursor.iter().all(|key| plain(&key.type_sql)) {
        return "";
    }
    " SET datestyle = 'ISO, YMD' SET timezone = 'UTC' SET intervalstyle = 'postgres' SET bytea_output = 'hex' \
     SET extra_float_digits = 1"
}

/// Statements that install the triggers, or put them in another mode. Between modes that take note of the same statements
/// only the functions change, which takes no lock on the table.
pub(crate) fn install(cx: &Context<'_>, mode: Mode, triggers: bool) -> Result<Vec<String>, Error> {
    let mut out = Vec::new();
    for mirror in all(cx) {
        functions(&mirror, mode, &mut out)?;
        if triggers {
            create_triggers(&mirror, mode, &mut out)?;
        }
    }
    Ok(out)
}

fn functions(mirror: &Mirror<'_>, mode: Mode, out: &mut Vec<String>) -> Result<(), Error> {
    let table = mirror.cx.table;
    let (old, new) = (mirror.old("NEW"), mirror.new("NEW"));
    let refuse = |written| {
        let (message, hint) = refusal(mirror, written);
        format!(
            "RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', MESSAGE = {}, HINT = {};",
            Postgres.literal(&message),
            Postgres.literal(&hint)
        )
    };
    let act = |written: Written, first: &str| -> Result<String, Error> {
        if written == Written::New && mode.ignores_new() {
            return Ok("NULL;".to_owned());
        }
        if !mode.queues(written) {
            return Ok(refuse(written));
        }
        let side = format!("'{}'", written.as_str());
        let (update, insert) =
            ledger(mirror.cx).enqueue_sql(mirror.change.index, &side, "ec_key")?;
        Ok(format!(
            "{first} {update}; IF NOT FOUND THEN {insert}; END IF;"
        ))
    };
    let declare = format!("DECLARE ec_key text := {};", row_key(table, "NEW."));
    let on_insert = format!(
        "{declare} BEGIN IF {new} IS NULL THEN {} ELSE {} END IF; RETURN NULL; END",
        act(Written::Old, "")?,
        act(Written::New, "")?
    );
    let on_update = format!(
        "{declare} BEGIN IF pg_catalog.current_setting('{NAMED}', true) = '{tag}' THEN \
         PERFORM pg_catalog.set_config('{NAMED}', '', true); \
         ELSIF NOT {old_kept} THEN {} ELSE {} END IF; RETURN NEW; END",
        act(Written::Old, &format!("{new} := NULL;"))?,
        // NULL is NULL on both sides
        act(
            Written::New,
            &format!("IF {new} IS NULL THEN {old} := NULL; END IF;")
        )?,
        tag = mirror.tag,
        old_kept = mirror.old_kept(),
    );
    let on_named = format!(
        "BEGIN PERFORM pg_catalog.set_config('{NAMED}', '{}', true); RETURN NEW; END",
        mirror.tag
    );
    let moved = ledger(mirror.cx).move_sql(mirror.change.index, "ec_from", "ec_to")?;
    let on_move = format!(
        "DECLARE ec_from text := {}; ec_to text := {}; BEGIN {moved}; RETURN NEW; END",
        row_key(table, "OLD."),
        row_key(table, "NEW.")
    );
    let settings = settings(table);
    for (name, body) in FUNCTIONS
        .into_iter()
        .zip([on_insert, on_update, on_named, on_move])
    {
        out.push(format!(
            // a plan that was made while the queue was empty serves until the session ends
            "CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER \
             SET search_path FROM CURRENT SET enable_seqscan = off{settings} AS {}",
            function_name(mirror, name),
            Postgres.literal(&body)
        ));
    }
    Ok(())
}

fn create_triggers(mirror: &Mirror<'_>, mode: Mode, out: &mut Vec<String>) -> Result<(), Error> {
    let table = mirror.cx.table;
    let sql = table.sql();
    let (old, new) = (mirror.old("NEW"), mirror.new("NEW"));
    let (old_kept, new_kept) = (mirror.old_kept(), mirror.new_kept()?);
    let quote = |name: &str| table.dialect.quote(name);
    // what is not the library's own copying
    let one_sided = |nobody: String| {
        format!(
            "CASE WHEN {nobody} THEN false \
             ELSE {NOT_COPYING} END"
        )
    };
    let (insert, update) = if mode.ignores_new() {
        (
            format!("{old} IS NOT NULL AND {new} IS NULL"),
            one_sided(format!("{old_kept} OR NOT {new_kept}")),
        )
    } else {
        (
            format!("({old} IS NULL) <> ({new} IS NULL)"),
            one_sided(format!("{old_kept} = {new_kept}")),
        )
    };
    let moved: Vec<String> = table
        .cursor
        .iter()
        .map(|key| format!("NEW.{0} IS DISTINCT FROM OLD.{0}", key.sql))
        .collect();
    let (from, to) = (quote(mirror.change.from), quote(mirror.change.to));
    let triggers = [
        ("insert", "AFTER INSERT".to_owned(), insert, "insert"),
        (
            "a_named_new",
            format!("BEFORE UPDATE OF {to}"),
            format!("NOT {old_kept} AND {new_kept}"),
            "named",
        ),
        (
            "a_named_old",
            format!("BEFORE UPDATE OF {from}"),
            format!("{old_kept} AND NOT {new_kept}"),
            "named",
        ),
        ("update", "BEFORE UPDATE".to_owned(), update, "update"),
        (
            "z_move",
            "AFTER UPDATE".to_owned(),
            moved.join(" OR "),
            "move",
        ),
    ];
    for (name, event, when, function) in triggers {
        let trigger = trigger_name(mirror, name);
        // nobody would take the word that it leaves
        if name == "a_named_old" && mode.ignores_new() {
            out.push(format!("DROP TRIGGER IF EXISTS {trigger} ON {sql}"));
            continue;
        }
        out.push(format!(
            "CREATE OR REPLACE TRIGGER {trigger} {event} ON {sql} FOR EACH ROW WHEN ({when}) \
             EXECUTE FUNCTION {}()",
            function_name(mirror, function)
        ));
    }
    Ok(())
}

/// The names of the triggers. `retired`: as [`Mode::Retired`] leaves them.
pub(crate) fn names(cx: &Context<'_>, retired: bool) -> Vec<String> {
    let there = |name: &&str| !(retired && *name == "a_named_old");
    all(cx)
        .flat_map(|mirror| {
            let names = TRIGGERS.into_iter().filter(there);
            names
                .map(|name| format!("{PREFIX}{}_queue_{name}", mirror.tag))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Statements that drop the triggers: before anything that they name.
pub(crate) fn drop_triggers(cx: &Context<'_>) -> Vec<String> {
    let table = cx.table.sql();
    all(cx)
        .flat_map(|mirror| TRIGGERS.map(|name| trigger_name(&mirror, name)))
        .map(|trigger| format!("DROP TRIGGER IF EXISTS {trigger} ON {table}"))
        .collect()
}

/// Statements that drop the functions: behind the columns, so that no statement still under way misses them.
pub(crate) fn drop_functions(cx: &Context<'_>) -> Vec<String> {
    all(cx)
        .flat_map(|mirror| FUNCTIONS.map(|name| function_name(&mirror, name)))
        .map(|function| format!("DROP FUNCTION IF EXISTS {function}()"))
        .collect()
}

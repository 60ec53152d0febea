//! PostgreSQL: BEFORE row triggers whose `WHEN` lets a dual-writer's rows pass without calling a function.
//!
//! A `WHEN` clause is evaluated by the executor; a function is called only for a row that changed one side without the
//! other (manual, *CREATE TRIGGER*). Triggers of one kind fire in the order of their names, so a name that sorts behind
//! every ASCII name sees what other triggers made of the row.

use crate::backend::mirror::{Mirror, PREFIX};
use crate::backend::rules::Rules;
use crate::backend::session::{Session, BIND};
use crate::catalogue::Table;
use crate::definition::Conversion;
use crate::error::{Error, While};
use crate::plan::Context;

use super::rules::Postgres;

/// The setting that tells the triggers of the library's own copying.
pub(crate) const COPYING: &str = "expand_contract.copying";

fn functions(mirror: &Mirror<'_>) -> [String; 2] {
    ["insert", "update"].map(|event| format!("expand_contract.\"mirror_{}_{event}\"", mirror.tag))
}

fn triggers(mirror: &Mirror<'_>) -> [String; 3] {
    ["insert", "update", "clear"].map(|event| format!("\"{PREFIX}{}_{event}\"", mirror.tag))
}

/// Statements that install the triggers, or (`replace`) put other functions under them.
///
/// `best_effort`: nobody reads the old column any more, so a new value that does not convert leaves it NULL instead of
/// failing the statement.
pub(crate) fn install(
    cx: &Context<'_>,
    best_effort: bool,
    replace: bool,
) -> Result<Vec<String>, Error> {
    let table = cx.table.sql();
    let mut out = Vec::new();
    for mirror in Mirror::all(cx) {
        let (Some(up), Some(down), Some(consistent)) =
            (mirror.up()?, mirror.down()?, mirror.consistent()?)
        else {
            continue;
        };
        let (old, new) = (mirror.old("NEW"), mirror.new("NEW"));
        let (old_kept, new_kept) = (mirror.old_kept(), mirror.new_kept()?);
        let identity = mirror.change.conversion == Conversion::Identity;

        // a value that does not convert must not fail a writer that knows nothing: it is found by `verify`
        let forward = if identity {
            format!("{new} := {up};")
        } else {
            format!("BEGIN {new} := {up}; EXCEPTION WHEN OTHERS THEN {new} := NULL; END;")
        };
        let backward = if best_effort && !identity {
            format!("BEGIN {old} := {down}; EXCEPTION WHEN OTHERS THEN {old} := NULL; END;")
        } else {
            format!("{old} := {down};")
        };
        // an INSERT that names only one column comes with the other one's default
        let only_old = match mirror.new_is_default(best_effort)? {
            Some(is_default) => format!("{new} IS NULL OR ({old} IS NOT NULL AND {is_default})"),
            None => format!("{new} IS NULL"),
        };
        let only_new = match mirror.old_is_default(best_effort) {
            Some(is_default) => format!("{old} IS NULL OR {is_default}"),
            None => format!("{old} IS NULL"),
        };
        // what is consistent is left alone; to ask that can raise where the old value does not convert
        let unless_consistent = |then: &str, otherwise: &str| {
            if identity {
                then.to_owned()
            } else {
                format!("BEGIN IF NOT {consistent} THEN {then} END IF; EXCEPTION WHEN OTHERS THEN {otherwise} END;")
            }
        };
        let forward_update =
            unless_consistent(&format!("{new} := {up};"), &format!("{new} := NULL;"));
        let backward_update = unless_consistent(&backward, &backward);
        let refuse = format!(
            "RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', MESSAGE = {}, HINT = {};",
            Postgres.literal(&format!(
                "columns {} and {} of {} were given values that do not belong together",
                mirror.change.from, mirror.change.to, cx.table.name
            )),
            Postgres.literal("write one of the two, or both through expand-contract")
        );

        let [on_insert, on_update] = functions(&mirror);
        out.push(function(
            &on_insert,
            &format!(
                "IF {only_old} THEN {forward} ELSIF {only_new} THEN {backward} ELSE {refuse} END IF;"
            ),
        ));
        out.push(function(
            &on_update,
            &format!(
                "IF NOT {old_kept} AND NOT {new_kept} THEN {refuse} \
                 ELSIF NOT {old_kept} THEN {forward_update} \
                 ELSE {backward_update} END IF;"
            ),
        ));
        if replace {
            continue;
        }

        let [insert, update, clear] = triggers(&mirror);
        let (when_insert, when_update) = if identity {
            (
                format!("NOT {consistent}"),
                format!("NOT {consistent} AND NOT ({old_kept} AND {new_kept})"),
            )
        } else {
            // no conversion of a one-sided write here: it could raise, and nothing could catch that
            (
                format!(
                    "CASE WHEN {old} IS NULL AND {new} IS NULL THEN false \
                     WHEN {old} IS NULL OR {new} IS NULL THEN true ELSE NOT {consistent} END"
                ),
                format!(
                    "CASE WHEN {old_kept} AND {new_kept} THEN false \
                     WHEN {old_kept} OR {new_kept} THEN \
                     pg_catalog.current_setting('{COPYING}', true) IS DISTINCT FROM 'on' \
                     ELSE NOT {consistent} END"
                ),
            )
        };
        out.push(format!(
            "CREATE TRIGGER {insert} BEFORE INSERT ON {table} FOR EACH ROW WHEN ({when_insert}) \
             EXECUTE FUNCTION {on_insert}()"
        ));
        out.push(format!(
            "CREATE TRIGGER {update} BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({when_update}) \
             EXECUTE FUNCTION {on_update}()"
        ));
        if identity {
            // NULL written to the new column only, on a row that was not copied yet, changes nothing that the trigger
            // above could see
            let column = cx.table.dialect.quote(mirror.change.to);
            out.push(format!(
                "CREATE TRIGGER {clear} BEFORE UPDATE OF {column} ON {table} FOR EACH ROW \
                 WHEN ({new} IS NULL AND {} IS NULL AND {old} IS NOT NULL AND {old_kept}) \
                 EXECUTE FUNCTION {}()",
                mirror.new("OLD"),
                clear_function(&mirror),
            ));
            out.insert(
                out.len() - 3,
                function(&clear_function(&mirror), &format!("{old} := NULL;")),
            );
        }
    }
    Ok(out)
}

fn clear_function(mirror: &Mirror<'_>) -> String {
    format!("expand_contract.\"mirror_{}_clear\"", mirror.tag)
}

fn function(name: &str, body: &str) -> String {
    // with the rights of whoever runs the migration: a writer needs none on what the conversion reads
    format!(
        "CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER \
         SET search_path FROM CURRENT AS {}",
        Postgres.literal(&format!("BEGIN {body} RETURN NEW; END"))
    )
}

/// Statements that drop the triggers: before anything that they name.
pub(crate) fn drop_triggers(cx: &Context<'_>) -> Vec<String> {
    let table = cx.table.sql();
    Mirror::all(cx)
        .flat_map(|mirror| triggers(&mirror))
        .map(|trigger| format!("DROP TRIGGER IF EXISTS {trigger} ON {table}"))
        .collect()
}

/// Statements that drop the functions: behind the columns, so that no statement still under way misses them.
pub(crate) fn drop_functions(cx: &Context<'_>) -> Vec<String> {
    Mirror::all(cx)
        .flat_map(|mirror| {
            let [insert, update] = functions(&mirror);
            [insert, update, clear_function(&mirror)]
        })
        .map(|function| format!("DROP FUNCTION IF EXISTS {function}()"))
        .collect()
}

/// The names of the triggers.
pub(crate) fn names(cx: &Context<'_>) -> Result<Vec<String>, Error> {
    let mut out = Vec::new();
    for mirror in Mirror::all(cx) {
        if mirror.consistent()?.is_none() {
            continue;
        }
        let identity = mirror.change.conversion == Conversion::Identity;
        let events: &[&str] = match identity {
            true => &["insert", "update", "clear"],
            false => &["insert", "update"],
        };
        out.extend(
            events
                .iter()
                .map(|event| format!("{PREFIX}{}_{event}", mirror.tag)),
        );
    }
    Ok(out)
}

/// Those that are not on the table, or do not fire for everybody's writes. A trigger's function cannot be gone while the
/// trigger is there.
pub(super) fn missing(
    s: &mut dyn Session,
    table: &Table,
    triggers: &[String],
) -> Result<Vec<String>, Error> {
    let sql = format!(
        "SELECT t.tgname::text FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid \
         WHERE t.tgrelid = ({BIND}::text)::oid AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')"
    );
    let rows = s
        .rows(&sql, &[Some(table.id.clone())])
        .during("looking for the triggers of the safety net")?;
    let found: Vec<String> = rows.into_iter().flatten().flatten().collect();
    let missing = triggers.iter().filter(|name| !found.contains(name));
    Ok(missing.cloned().collect())
}

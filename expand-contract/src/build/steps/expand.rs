//! PostgreSQL: the first transaction of `expand`, as a statement of its own.
//!
//! It is the one that the runner makes, and nothing that comes behind it: the barrier is left to the next step, which the
//! ledger tells that it has not been waited for. What the sources cannot know is asserted first. SQLite has no such statement,
//! since nothing there makes DDL depend on a condition, and a file that was run by the runner has to be passed over.

use super::block::{executed, refuse_if};
use super::recorder::Recorder;
use super::table::Sketch;
use crate::backend::postgres::has_options;
use crate::error::Error;
use crate::ledger::{self, Lease, Ledger, UNTOUCHED};
use crate::phase::Step;
use crate::plan::{Action, Context, Kind, Work};

/// Who the ledger says it was.
const RUNNER: &str = "a migration file";

/// The block that expands a table, unless that was done.
pub(super) fn block(cx: &Context<'_>, sketch: &Sketch, action: &Action) -> Result<String, Error> {
    let Kind::Publish { to, .. } = action.kind else {
        return Err(Error::Unexpected {
            what: format!("the action {}", action.name),
        });
    };
    let ledger = Ledger::new(cx.table.dialect, cx.def);
    let name = cx.table.name.to_string();
    let lease = Lease::of_a_file(&name, RUNNER);
    let mut own = Recorder::new(cx);
    let mut changed = Recorder::new(cx);
    for piece in &action.work {
        match piece {
            Work::Freeze => {
                ledger.forget_shadow_reads(&mut own)?;
                for change in cx.changes {
                    ledger.freeze(&mut own, change.index, &change.frozen)?;
                }
            }
            Work::Sql(sql) => changed.statements.push(sql.clone()),
            other => {
                return Err(Error::Unexpected {
                    what: format!("{other:?} in a migration file"),
                })
            }
        }
    }
    ledger.record(&mut own, &lease, action.step, &action.name)?;
    ledger.publish(&mut own, &lease, &name, (Step::Expand, to), (false, false))?;

    let gate = [
        "LOCK TABLE expand_contract.gate IN ACCESS EXCLUSIVE MODE".to_owned(),
        format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", cx.table.sql()),
    ];
    let parts = [
        ("the locks that the runner takes", &gate[..]),
        (action.name.as_str(), &changed.statements),
        ("what the runner would note", &own.statements),
    ];
    let [locks, work, notes] = parts.map(|(heading, statements)| {
        let statements: String = statements.iter().map(|sql| executed(sql)).collect();
        format!("\n  -- {heading}\n{statements}")
    });
    let me = ledger.me_literally(cx.rules);
    let body = format!("{locks}{}{work}{notes}", ledger_checks(cx, &me));
    let checks = checks(cx, sketch);
    Ok(format!(
        "DO $expand$\nDECLARE\n  waits text := current_setting('lock_timeout');\n  path text := current_setting('search_path');\n\
         BEGIN\n  \
         IF to_regclass('expand_contract.migrations') IS NOT NULL THEN\n    \
         IF EXISTS (SELECT 1 FROM expand_contract.migrations WHERE {me} AND NOT ({UNTOUCHED})) THEN\n      \
         RETURN;\n    END IF;\n  END IF;\n\
         {checks}  PERFORM set_config('lock_timeout', '400ms', true);\n{body}\n  \
         PERFORM set_config('lock_timeout', waits, true);\n  PERFORM set_config('search_path', path, true);\n\
         END\n$expand$;\n"
    ))
}

/// Refuses a database that is not what the sources tell.
fn checks(cx: &Context<'_>, sketch: &Sketch) -> String {
    let (rules, table) = (cx.rules, cx.table);
    let relation = format!("to_regclass({})", rules.literal(&table.sql()));
    let mut out = String::new();
    let mut unless_told = |condition: &str, why: &str| {
        let message = format!(
            "expand-contract: {why}. Let the runner expand migration `{}`: `Migration::advance_to(conn, Step::Expand)` in the \
             application; then run this again",
            cx.def.id
        );
        out.push_str(&refuse_if(rules, condition, &message));
    };
    let named = &table.name;
    if sketch.is_unqualified {
        let bare = rules.literal(&table.dialect.quote(&named.name));
        unless_told(
            &format!("{relation} IS DISTINCT FROM to_regclass({bare})"),
            &format!("{named} is not the table that this connection's search path finds"),
        );
    }
    unless_told(
        &format!(
            "NOT EXISTS (SELECT 1 FROM pg_catalog.pg_class c WHERE c.oid = {relation} AND c.relkind = 'r' AND NOT EXISTS \
             (SELECT 1 FROM pg_catalog.pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent)))"
        ),
        &format!("{named} is not there, or no plain table"),
    );
    let key: Vec<String> = table
        .primary_key
        .iter()
        .map(|name| rules.literal(name))
        .collect();
    unless_told(
        &format!(
            "ARRAY(SELECT a.attname::text FROM pg_catalog.pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY k(n, place) \
             JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n \
             WHERE i.indrelid = {relation} AND i.indisprimary AND k.place <= i.indnkeyatts ORDER BY k.place) \
             IS DISTINCT FROM ARRAY[{}]::text[]",
            key.join(", ")
        ),
        &format!("the primary key of {named} is not the one of `table!`"),
    );
    for change in cx.changes {
        let (old, frozen) = (rules.literal(change.from), &change.frozen);
        unless_told(
            &format!(
                "NOT EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
                 WHERE a.attrelid = {relation} AND a.attname = {old} AND NOT a.attisdropped \
                 AND pg_catalog.format_type(a.atttypid, a.atttypmod) = {} AND a.attnotnull = {} AND NOT a.atthasdef \
                 AND a.attidentity = '' AND a.attgenerated = '' AND a.attcollation = t.typcollation \
                 AND a.attstorage = t.typstorage AND a.attcompression = '' AND coalesce(a.attstattarget, -1) = -1 \
                 AND a.attacl IS NULL AND NOT {} AND pg_catalog.col_description(a.attrelid, a.attnum) IS NULL)",
                rules.literal(&frozen.old_type),
                frozen.not_null,
                has_options("a")
            ),
            &format!(
                "column {} of {named} is not a {}{} with nothing else to it, as `table!` tells",
                change.from,
                frozen.old_type,
                if frozen.not_null { " NOT NULL" } else { "" }
            ),
        );
    }
    let newer = format!(
        "EXISTS (SELECT 1 FROM expand_contract.meta WHERE version <> {})",
        ledger::VERSION
    );
    // one after the other: a condition is looked at whole, and names the table
    for condition in ["to_regclass('expand_contract.meta') IS NULL", &newer] {
        let why = "the ledger is not there, or one of another release";
        out.push_str(&refuse_if(rules, condition, &unchanged(why)));
    }
    out
}

/// Refuses what the ledger has against it, under the locks.
fn ledger_checks(cx: &Context<'_>, me: &str) -> String {
    let table = cx.rules.literal(&cx.table.name.to_string());
    let other = Ledger::other_under_way(&table, me);
    let checks = [
        (
            format!("runners WHERE table_name = {table} AND held = 1"),
            "a runner is at work on the table",
        ),
        (
            format!("migrations WHERE {other}"),
            "another migration of the table is under way",
        ),
    ];
    let check = |(found, why): (String, &str)| {
        let condition = format!("EXISTS (SELECT 1 FROM expand_contract.{found})");
        refuse_if(cx.rules, &condition, &unchanged(why))
    };
    checks.into_iter().map(check).collect()
}

fn unchanged(why: &str) -> String {
    format!("expand-contract: {why}: nothing was changed")
}

/// Whether the sources tell all that the block needs.
pub(super) fn is_possible(sketch: &Sketch) -> bool {
    let table = &sketch.table;
    sketch.unknown.is_empty() && table.primary_key.len() == table.cursor.len()
}

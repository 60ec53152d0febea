//! What PostgreSQL's catalogues show that the library cannot promise to get right.

use crate::backend::mirror::PREFIX;
use crate::backend::session::{Session, TextRow, BIND};
use crate::catalogue::Table;
use crate::error::{Error, While};
use crate::notice::{Notice, NoticeKind};
use crate::text::{mentions_word, whole_row};

fn word(row: &mut TextRow, i: usize) -> String {
    row.get_mut(i).and_then(Option::take).unwrap_or_default()
}

pub(super) fn notices(
    s: &mut dyn Session,
    table: &Table,
    columns: &[&str],
) -> Result<Vec<Notice>, Error> {
    let mut out = Vec::new();
    functions(s, table, columns, &mut out)?;
    late_triggers(s, table, &mut out)?;
    super::triggers::of_updates(s, table, &mut out)?;
    views(s, table, &mut out)?;
    replication(s, table, &mut out)?;
    settings(s, &mut out)?;
    Ok(out)
}

// Bodies are text to the server; one that it parsed (`BEGIN ATOMIC`) depends on the column, which is an obstacle.
fn functions(
    s: &mut dyn Session,
    table: &Table,
    columns: &[&str],
    out: &mut Vec<Notice>,
) -> Result<(), Error> {
    let sql = format!(
        "SELECT p.oid::regprocedure::text, p.prosrc, \
         (EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgfoid = p.oid AND t.tgrelid = c.oid AND NOT t.tgisinternal))::text, \
         (c.reltype = p.prorettype OR c.reltype = ANY (coalesce(p.proallargtypes, p.proargtypes::oid[])))::text \
         FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang, pg_class c \
         WHERE c.oid = ({BIND}::text)::oid AND l.lanname NOT IN ('internal', 'c') \
         AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'expand_contract') \
         AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid \
           AND d.deptype = 'e') ORDER BY 1"
    );
    let rows = s
        .rows(&sql, &[Some(table.id.clone())])
        .during("looking for functions that take whole rows")?;
    let name = &table.name.name;
    for mut row in rows {
        let (function, source) = (word(&mut row, 0), word(&mut row, 1));
        let (trigger, row_type) = (word(&mut row, 2) == "true", word(&mut row, 3) == "true");
        let named = mentions_word(&source, name);
        let object = format!("function {function}");
        if row_type {
            let found = "it takes or returns the table's row type";
            out.push(Notice::new(NoticeKind::WholeRow, object.clone(), found));
        } else if let (true, Some(found)) = (named || trigger, whole_row(&source, name)) {
            out.push(Notice::new(NoticeKind::WholeRow, object.clone(), found));
        }
        // a trigger of the table that names the column is an obstacle
        let mut columns = columns.iter().filter(|_| named && !trigger);
        if let Some(column) = columns.find(|column| mentions_word(&source, column)) {
            let found = format!("it names `{column}`");
            out.push(Notice::new(NoticeKind::Function, object, &found));
        }
    }
    Ok(())
}

fn late_triggers(s: &mut dyn Session, table: &Table, out: &mut Vec<Notice>) -> Result<(), Error> {
    // row level (1), before (2), insert (4) or update (16): pg_trigger.h
    let sql = format!(
        "SELECT tgname::text FROM pg_trigger WHERE tgrelid = ({BIND}::text)::oid AND NOT tgisinternal \
         AND tgenabled <> 'D' AND tgtype & 3 = 3 AND tgtype & 20 <> 0 ORDER BY tgname"
    );
    let rows = s
        .rows(&sql, &[Some(table.id.clone())])
        .during("looking for triggers that fire late")?;
    let late = rows
        .into_iter()
        .flatten()
        .flatten()
        // the server sorts names by their bytes
        .filter(|name| name.as_bytes() > PREFIX.as_bytes() && !name.starts_with(PREFIX));
    out.extend(
        late.map(|name| Notice::new(NoticeKind::LateTrigger, format!("trigger `{name}`"), "")),
    );
    Ok(())
}

fn views(s: &mut dyn Session, table: &Table, out: &mut Vec<Notice>) -> Result<(), Error> {
    // A `*` was replaced by the columns when the view was made, and those are obstacles; what is left of it in the
    // definition is a whole row.
    let sql = format!(
        "SELECT DISTINCT v.oid::regclass::text FROM pg_depend d \
         JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass \
         JOIN pg_class v ON v.oid = r.ev_class AND v.relkind IN ('v', 'm') \
         WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = ({BIND}::text)::oid \
         AND strpos(pg_get_viewdef(v.oid), '.*') > 0 ORDER BY 1"
    );
    let rows = s
        .rows(&sql, &[Some(table.id.clone())])
        .during("looking for views of whole rows")?;
    let names = rows.into_iter().flatten().flatten();
    out.extend(names.map(|name| Notice::new(NoticeKind::View, format!("view {name}"), "")));
    Ok(())
}

fn replication(s: &mut dyn Session, table: &Table, out: &mut Vec<Notice>) -> Result<(), Error> {
    let sql = format!(
        "SELECT 'publication', p.pubname::text FROM pg_publication_tables p, pg_class c \
           JOIN pg_namespace n ON n.oid = c.relnamespace \
           WHERE c.oid = ({BIND}::text)::oid AND p.schemaname = n.nspname AND p.tablename = c.relname \
         UNION ALL SELECT 'subscription', s.subname::text FROM pg_subscription_rel r \
           JOIN pg_subscription s ON s.oid = r.srsubid WHERE r.srrelid = ({BIND}::text)::oid \
         UNION ALL SELECT 'replica', coalesce(nullif(application_name, ''), 'process ' || pid) FROM pg_stat_replication \
         ORDER BY 1, 2"
    );
    let id = Some(table.id.clone());
    let rows = s
        .rows(&sql, &[id.clone(), id])
        .during("looking for replication")?;
    for mut row in rows {
        let (what, name) = (word(&mut row, 0), word(&mut row, 1));
        let kind = match what.as_str() {
            "publication" => NoticeKind::Publication,
            "subscription" => NoticeKind::Subscription,
            _ => NoticeKind::Replica,
        };
        out.push(Notice::new(kind, format!("{what} `{name}`"), ""));
    }
    Ok(())
}

fn settings(s: &mut dyn Session, out: &mut Vec<Notice>) -> Result<(), Error> {
    let sql = "SELECT coalesce('role ' || quote_ident(r.rolname), 'database ' || quote_ident(d.datname), 'every role'), c \
         FROM pg_db_role_setting s CROSS JOIN LATERAL unnest(s.setconfig) c \
           LEFT JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase \
         WHERE (s.setdatabase = 0 OR d.datname = current_database()) \
         AND c IN ('default_transaction_isolation=serializable', 'default_transaction_isolation=repeatable read', \
           'session_replication_role=replica') \
         UNION ALL SELECT 'the server', name || '=' || setting FROM pg_settings \
           WHERE source IN ('configuration file', 'command line', 'environment variable') \
           AND (name, setting) IN (('default_transaction_isolation', 'serializable'), \
             ('default_transaction_isolation', 'repeatable read'), ('session_replication_role', 'replica')) \
         ORDER BY 1, 2";
    let rows = s.rows(sql, &[]).during("looking at settings")?;
    for mut row in rows {
        let (object, setting) = (word(&mut row, 0), word(&mut row, 1));
        let kind = if setting.starts_with("session_replication_role") {
            NoticeKind::TriggersOff
        } else {
            NoticeKind::Isolation
        };
        out.push(Notice::new(kind, object, &setting));
    }
    Ok(())
}

//! Triggers that are not the library's own.

use crate::backend::mirror::PREFIX;
use crate::backend::session::{Session, BIND};
use crate::catalogue::Table;
use crate::error::{Error, While};
use crate::notice::{Notice, NoticeKind};

/// For the rest of the transaction only triggers fire that are ENABLE ALWAYS or ENABLE REPLICA.
pub(super) fn silence(s: &mut dyn Session) -> Result<(), Error> {
    s.batch("SET LOCAL session_replication_role = replica")
        .during("switching the triggers off for a transaction")
}

/// Constraints on the columns that the server checks by triggers, which do not fire then either: foreign keys that hold for
/// all rows (one that is NOT VALID is checked when it is validated), those of others that refer to the columns, and
/// uniqueness that may be deferred.
pub(super) fn needed(
    s: &mut dyn Session,
    table: &Table,
    columns: &[&str],
) -> Result<Vec<String>, Error> {
    let list = vec![BIND.to_string(); columns.len().max(1)].join(", ");
    let sql = format!(
        "WITH t AS (SELECT ({BIND}::text)::oid AS oid), \
         a AS (SELECT array_agg(attnum) AS keys FROM pg_attribute, t WHERE attrelid = t.oid AND attname IN ({list})) \
         SELECT 'constraint ' || quote_ident(c.conname) || ' on ' || c.conrelid::regclass FROM pg_constraint c, t, a \
         WHERE (c.contype = 'f' AND c.confrelid = t.oid AND c.confkey && a.keys) \
         OR (c.conrelid = t.oid AND c.conkey && a.keys AND \
           (c.contype = 'f' AND c.convalidated OR c.contype IN ('p', 'u', 'x') AND c.condeferrable)) ORDER BY 1"
    );
    let names = columns.iter().map(|name| Some((*name).to_owned()));
    let mut binds = vec![Some(table.id.clone())];
    binds.extend(names);
    if columns.is_empty() {
        binds.push(None);
    }
    let rows = s
        .rows(&sql, &binds)
        .during("looking for constraints that triggers check")?;
    Ok(rows.into_iter().flatten().flatten().collect())
}

/// Triggers that fire for an update of any column.
pub(super) fn of_updates(
    s: &mut dyn Session,
    table: &Table,
    out: &mut Vec<Notice>,
) -> Result<(), Error> {
    // on update (16): pg_trigger.h. One that lists columns lists none that is not there yet.
    let sql = format!(
        "SELECT tgname::text, tgenabled::text FROM pg_trigger WHERE tgrelid = ({BIND}::text)::oid AND NOT tgisinternal \
         AND tgenabled IN ('O', 'A') AND tgtype & 16 <> 0 AND tgattr::text = '' ORDER BY tgname"
    );
    let rows = s
        .rows(&sql, &[Some(table.id.clone())])
        .during("looking for triggers of updates")?;
    for row in rows {
        let mut row = row.into_iter().map(Option::unwrap_or_default);
        let (name, enabled) = (row.next().unwrap_or_default(), row.next());
        if name.starts_with(PREFIX) {
            continue;
        }
        let found = match enabled.as_deref() {
            Some("A") => "it is ENABLE ALWAYS, so nothing keeps it from firing",
            _ => "",
        };
        let object = format!("trigger `{name}`");
        out.push(Notice::new(NoticeKind::UpdateTrigger, object, found));
    }
    Ok(())
}

/// Those of the library's that are not on the table and each of its partitions, or do not fire for everybody's writes. A
/// trigger's function cannot be gone while the trigger is there.
pub(super) fn missing(
    s: &mut dyn Session,
    table: &Table,
    triggers: &[String],
) -> Result<Vec<String>, Error> {
    let sql = format!(
        "SELECT t.tgname::text FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid \
         WHERE t.tgrelid = ({BIND}::text)::oid AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') \
         AND NOT EXISTS (SELECT FROM {family} f WHERE f.id <> t.tgrelid AND NOT EXISTS (SELECT FROM pg_trigger c \
           WHERE c.tgrelid = f.id AND c.tgname = t.tgname AND c.tgenabled IN ('O', 'A')))",
        family = super::lock::family(table)
    );
    let rows = s
        .rows(&sql, &[Some(table.id.clone())])
        .during("looking for the triggers of the safety net")?;
    let found: Vec<String> = rows.into_iter().flatten().flatten().collect();
    let missing = triggers.iter().filter(|name| !found.contains(name));
    Ok(missing.cloned().collect())
}

//! Sequences that belong to columns.

use super::{cell, flag, word};
use crate::backend::session::{Session, BIND};
use crate::catalogue::{Sequence, Source};
use crate::definition::TableName;
use crate::error::{Error, While};

/// The sequences of a table, each with its column and, of an identity column, the expression that takes a value from it.
pub(super) fn sequences(
    s: &mut dyn Session,
    id: &str,
) -> Result<Vec<(String, Option<String>, Sequence)>, Error> {
    let sql = format!(
        "SELECT a.attname::text, a.attidentity::text, n.nspname::text, c.relname::text, format_type(q.seqtypid, NULL), \
         q.seqincrement::text, q.seqstart::text, q.seqcache::text, q.seqcycle::text, q.seqmin::text, q.seqmax::text, \
         CASE WHEN has_sequence_privilege(c.oid, 'USAGE, SELECT') THEN pg_sequence_last_value(c.oid::regclass)::text END, \
         obj_description(c.oid, 'pg_class'), format('nextval(%L::regclass)', c.oid::regclass::text), c.oid::text \
         FROM pg_depend d JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S' JOIN pg_sequence q ON q.seqrelid = c.oid \
         JOIN pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid \
         WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') \
         AND d.refobjid = ({BIND}::text)::oid ORDER BY c.relname"
    );
    let rows = s
        .rows(&sql, &[Some(id.to_owned())])
        .during("reading the sequences")?;
    let mut out = Vec::new();
    for mut row in rows {
        let source = match word(&mut row, 1).as_str() {
            "a" => Source::Always,
            "d" => Source::ByDefault,
            _ => Source::Default,
        };
        let type_sql = word(&mut row, 4);
        let increment = word(&mut row, 5);
        let cache = word(&mut row, 7);
        let options = format!(
            "INCREMENT BY {increment} START WITH {} CACHE {cache}{}",
            word(&mut row, 6),
            if flag(&mut row, 8) { " CYCLE" } else { "" }
        );
        let (least, greatest) = bounds(&type_sql, increment.starts_with('-'));
        let bound = |found: String, own: i64| (found != own.to_string()).then_some(found);
        let (next, sequence) = (cell(&mut row, 13), word(&mut row, 14));
        out.push((
            word(&mut row, 0),
            next.filter(|_| source != Source::Default),
            Sequence {
                name: TableName {
                    schema: cell(&mut row, 2),
                    name: word(&mut row, 3),
                },
                source,
                cache,
                options,
                min: bound(word(&mut row, 9), least),
                max: bound(word(&mut row, 10), greatest),
                last: cell(&mut row, 11).and_then(|last| last.parse().ok()),
                comment: cell(&mut row, 12),
                grants: grants(s, &sequence)?,
                id: sequence,
                type_sql,
            },
        ));
    }
    Ok(out)
}

/// The bounds that a sequence of the type has by itself (manual, *CREATE SEQUENCE*).
fn bounds(type_sql: &str, descending: bool) -> (i64, i64) {
    let (least, greatest) = match type_sql {
        "smallint" => (i64::from(i16::MIN), i64::from(i16::MAX)),
        "integer" => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    };
    match descending {
        true => (least, -1),
        false => (1, greatest),
    }
}

fn grants(s: &mut dyn Session, id: &str) -> Result<Vec<(String, String)>, Error> {
    let sql = format!(
        "SELECT x.privilege_type, CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(r.rolname) END, x.is_grantable::text \
         FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) x LEFT JOIN pg_roles r ON r.oid = x.grantee \
         WHERE c.oid = ({BIND}::text)::oid AND x.grantee <> c.relowner AND (x.grantee = 0 OR r.oid IS NOT NULL)"
    );
    let rows = s
        .rows(&sql, &[Some(id.to_owned())])
        .during("reading the privileges of a sequence")?;
    let mut out = Vec::new();
    for mut row in rows {
        let (privilege, role) = (word(&mut row, 0), word(&mut row, 1));
        let option = if flag(&mut row, 2) {
            " WITH GRANT OPTION"
        } else {
            ""
        };
        out.push((
            format!("GRANT {privilege} ON SEQUENCE "),
            format!(" TO {role}{option}"),
        ));
    }
    Ok(out)
}

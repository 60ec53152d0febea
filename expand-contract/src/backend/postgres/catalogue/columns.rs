//! Columns, with all that a copy of one is to have.

use super::sequences::sequences;
use super::{cell, flag, quote, word};
use crate::backend::postgres::rules::Postgres;
use crate::backend::rules::Rules;
use crate::backend::session::{Session, TextRow, BIND};
use crate::catalogue::{Column, Extra, ExtraKind, NotNull};
use crate::definition::{Dialect, TableName};
use crate::error::{Error, While};

/// A column's number in the catalogue, and its name.
pub(super) type Numbered = (i32, String);

/// The columns, and their numbers.
pub(super) fn columns(
    s: &mut dyn Session,
    id: &str,
    table: &TableName,
) -> Result<(Vec<Column>, Vec<Numbered>), Error> {
    let sql = format!(
        "SELECT a.attnum::text, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull::text, \
         CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END, \
         CASE WHEN a.attcollation <> t.typcollation THEN quote_ident(cn.nspname) || '.' || quote_ident(co.collname) END, \
         col_description(a.attrelid, a.attnum), \
         CASE WHEN a.attstattarget >= 0 THEN a.attstattarget::text END, \
         CASE WHEN a.attstorage <> t.typstorage THEN \
           CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END END, \
         CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END, \
         (SELECT string_agg(quote_ident(o.option_name) || ' = ' || quote_literal(o.option_value), ', ') \
           FROM pg_options_to_table(a.attoptions) o WHERE NOT starts_with(o.option_name, 'pg_')), \
         n.conname::text, n.convalidated::text, n.connoinherit::text, obj_description(n.oid, 'pg_constraint') \
         FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
         LEFT JOIN pg_constraint n ON n.conrelid = a.attrelid AND n.contype = 'n' AND n.conkey = ARRAY[a.attnum] \
         LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
         LEFT JOIN pg_collation co ON co.oid = a.attcollation \
         LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace \
         WHERE a.attrelid = ({BIND}::text)::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
    );
    let rows = s
        .rows(&sql, &[Some(id.to_owned())])
        .during("reading the columns")?;
    let grants = grants(s, id)?;
    let sequences = sequences(s, id)?;
    let quoted = table.quoted(Dialect::Postgres);
    let (mut out, mut numbers) = (Vec::new(), Vec::new());
    for mut row in rows {
        let number = word(&mut row, 0).parse().unwrap_or(0);
        let name = word(&mut row, 1);
        numbers.push((number, name.clone()));
        let mut extras = Vec::new();
        if let Some(comment) = cell(&mut row, 6) {
            extras.push(Extra {
                before: format!("COMMENT ON COLUMN {quoted}."),
                after: format!(" IS {}", Postgres.literal(&comment)),
                kind: ExtraKind::Plain,
            });
        }
        let mut alter = |after: String, kind| {
            extras.push(Extra {
                before: format!("ALTER TABLE {quoted} ALTER COLUMN "),
                after,
                kind,
            });
        };
        if let Some(target) = cell(&mut row, 7) {
            alter(format!(" SET STATISTICS {target}"), ExtraKind::Target);
        }
        if let Some(storage) = cell(&mut row, 8) {
            alter(format!(" SET STORAGE {storage}"), ExtraKind::LongValues);
        }
        if let Some(compression) = cell(&mut row, 9) {
            alter(
                format!(" SET COMPRESSION {compression}"),
                ExtraKind::LongValues,
            );
        }
        // n_distinct
        if let Some(options) = cell(&mut row, 10) {
            alter(format!(" SET ({options})"), ExtraKind::Plain);
        }
        let not_null_as = cell(&mut row, 11).map(|name| NotNull {
            name,
            validated: flag(&mut row, 12),
            suffix: if flag(&mut row, 13) {
                " NO INHERIT"
            } else {
                ""
            },
            comment: cell(&mut row, 14),
        });
        let own = grants.iter().filter(|(column, _)| *column == name);
        extras.extend(own.map(|(_, grant)| grant.on(&quoted)));
        let own = || sequences.iter().filter(|(column, ..)| *column == name);
        let identity = own().find_map(|(_, next, _)| next.clone());
        let sequences = own().map(|(_, _, sequence)| sequence.clone()).collect();
        out.push(Column {
            name,
            sequences,
            type_sql: word(&mut row, 2),
            // one that is not validated has a constraint, but promises nothing
            not_null: flag(&mut row, 3) && not_null_as.as_ref().is_none_or(|n| n.validated),
            not_null_as,
            default: identity.or(cell(&mut row, 4)),
            collate: cell(&mut row, 5)
                .map(|collation| format!(" COLLATE {collation}"))
                .unwrap_or_default(),
            extras,
            definition: String::new(),
        });
    }
    Ok((out, numbers))
}

struct Grant {
    privilege: String,
    grantee: String,
    option: bool,
    /// Whom the role must act as for the grant to be by the same grantor; none if it is so anyway, or cannot be.
    by: Option<String>,
    me: String,
}

impl Grant {
    fn on(&self, table: &str) -> Extra {
        let option = if self.option {
            " WITH GRANT OPTION"
        } else {
            ""
        };
        let (before, after) = match &self.by {
            Some(by) => (
                format!("SET LOCAL ROLE {by}; "),
                format!("; SET LOCAL ROLE {}", self.me),
            ),
            None => Default::default(),
        };
        Extra {
            before: format!("{before}GRANT {} (", self.privilege),
            after: format!(") ON {table} TO {}{option}{after}", self.grantee),
            kind: ExtraKind::Plain,
        }
    }
}

// Those of the owner first: the others rest on an option that these give. Who may not act as a grantor grants as the owner,
// which gives the same access.
fn grants(s: &mut dyn Session, id: &str) -> Result<Vec<(String, Grant)>, Error> {
    let sql = format!(
        "WITH RECURSIVE acl AS (SELECT a.attname, x.* FROM pg_attribute a, aclexplode(a.attacl) x \
         WHERE a.attrelid = ({BIND}::text)::oid AND a.attnum > 0 AND NOT a.attisdropped), \
         chain AS (SELECT acl.*, 0 AS depth FROM acl, pg_class c WHERE c.oid = ({BIND}::text)::oid AND acl.grantor = c.relowner \
         UNION SELECT acl.*, chain.depth + 1 FROM acl JOIN chain ON chain.grantee = acl.grantor AND chain.is_grantable \
           AND chain.attname = acl.attname AND chain.privilege_type = acl.privilege_type AND chain.depth < 20) \
         SELECT acl.attname::text, acl.privilege_type, \
         CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END, acl.is_grantable::text, \
         CASE WHEN acl.grantor <> c.relowner AND pg_has_role(current_user, acl.grantor, 'MEMBER') \
           THEN quote_ident(pg_get_userbyid(acl.grantor)) END, quote_ident(current_user) \
         FROM acl JOIN pg_class c ON c.oid = ({BIND}::text)::oid \
         ORDER BY (SELECT min(depth) FROM chain WHERE chain.attname = acl.attname AND chain.privilege_type = acl.privilege_type \
           AND chain.grantor = acl.grantor AND chain.grantee = acl.grantee) NULLS LAST, acl.privilege_type, acl.grantee"
    );
    let binds = [
        Some(id.to_owned()),
        Some(id.to_owned()),
        Some(id.to_owned()),
    ];
    let rows = s.rows(&sql, &binds).during("reading column privileges")?;
    let grant = |mut row: TextRow| {
        let grant = Grant {
            privilege: word(&mut row, 1),
            grantee: word(&mut row, 2),
            option: flag(&mut row, 3),
            by: cell(&mut row, 4),
            me: word(&mut row, 5),
        };
        (word(&mut row, 0), grant)
    };
    Ok(rows.into_iter().map(grant).collect())
}

pub(super) fn primary_key(s: &mut dyn Session, id: &str) -> Result<Vec<String>, Error> {
    let sql = format!(
        "SELECT a.attname::text FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY k(attnum, n) \
         JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum \
         WHERE i.indrelid = ({BIND}::text)::oid AND i.indisprimary AND k.n <= i.indnkeyatts ORDER BY k.n"
    );
    let rows = s
        .rows(&sql, &[Some(id.to_owned())])
        .during("reading the primary key")?;
    Ok(rows.into_iter().flatten().flatten().collect())
}

/// The schema of the table with a dot behind it.
pub(super) fn schema(table: &TableName) -> String {
    match &table.schema {
        Some(schema) => format!("{}.", quote(schema)),
        None => String::new(),
    }
}

/// The columns of the oldest unique index that tells all rows apart, where there is no primary key. The oldest, so that it is
/// the same one until somebody drops it: where a walk got to is kept as values of its columns.
pub(super) fn unique_key(s: &mut dyn Session, id: &str) -> Result<Vec<String>, Error> {
    let sql = format!(
        "SELECT a.attname::text FROM (SELECT i.indrelid, i.indkey, i.indnkeyatts FROM pg_index i \
           JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am am ON am.oid = c.relam \
           WHERE i.indrelid = ({BIND}::text)::oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND am.amname = 'btree' \
           AND i.indpred IS NULL AND i.indexprs IS NULL AND NOT EXISTS (SELECT 1 FROM unnest(i.indkey) WITH ORDINALITY u(attnum, n) \
             JOIN pg_attribute k ON k.attrelid = i.indrelid AND k.attnum = u.attnum \
             LEFT JOIN pg_constraint n ON n.conrelid = k.attrelid AND n.contype = 'n' AND n.conkey = ARRAY[k.attnum] \
             WHERE u.n <= i.indnkeyatts AND NOT (k.attnotnull AND coalesce(n.convalidated, true))) ORDER BY i.indexrelid LIMIT 1) i \
         CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY k(attnum, n) \
         JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum WHERE k.n <= i.indnkeyatts ORDER BY k.n"
    );
    let rows = s
        .rows(&sql, &[Some(id.to_owned())])
        .during("looking for a unique index")?;
    Ok(rows.into_iter().flatten().flatten().collect())
}

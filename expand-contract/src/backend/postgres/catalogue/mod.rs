//! What PostgreSQL's catalogues say about a table.

mod foreign_keys;
mod indexes;
mod key_obstacles;
mod obstacles;
mod privileges;
mod sequences;

use super::rules::Postgres;
use crate::backend::rules::Rules;
use crate::backend::session::{Session, TextRow, BIND};
use crate::catalogue::{Column, Extra, KeyColumn, Table};
use crate::definition::{Dialect, TableName};
use crate::error::{Error, While};

use indexes::indexes;
pub(super) use key_obstacles::key_obstacles;
pub(super) use obstacles::obstacles;
pub(super) use privileges::privileges;

fn quote(name: &str) -> String {
    Dialect::Postgres.quote(name)
}

fn cell(row: &mut TextRow, i: usize) -> Option<String> {
    row.get_mut(i).and_then(Option::take)
}

fn word(row: &mut TextRow, i: usize) -> String {
    cell(row, i).unwrap_or_default()
}

fn flag(row: &mut TextRow, i: usize) -> bool {
    cell(row, i).as_deref() == Some("true")
}

pub(super) fn table(s: &mut dyn Session, name: &TableName) -> Result<Option<Table>, Error> {
    // to_regclass resolves as the application's statements do, by the search path
    let sql = format!(
        "SELECT c.oid::text, n.nspname::text, c.relname::text, c.relkind::text, c.relispartition::text, \
         (EXISTS (SELECT 1 FROM pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent)))::text, \
         (CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END)::text \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass({BIND})"
    );
    let rows = s
        .rows(&sql, &[Some(name.quoted(Dialect::Postgres))])
        .during("looking for the table")?;
    let Some(mut row) = rows.into_iter().next() else {
        return Ok(None);
    };
    let id = word(&mut row, 0);
    let name = TableName {
        schema: cell(&mut row, 1),
        name: word(&mut row, 2),
    };
    let (kind, partition, inherits) = (word(&mut row, 3), flag(&mut row, 4), flag(&mut row, 5));
    if kind != "r" || partition || inherits {
        return Err(Error::Unsupported {
            what: format!("{name}, which is not an ordinary table on its own"),
            instead:
                "partitions, inheritance, views and foreign tables are left for a later release"
                    .to_owned(),
        });
    }
    let estimate = cell(&mut row, 6).and_then(|n| n.parse().ok());
    let columns = columns(s, &id, &name)?;
    let primary_key = primary_key(s, &id)?;
    let cursor = primary_key
        .iter()
        .filter_map(|key| columns.iter().find(|column| column.name == *key))
        .map(|column| KeyColumn {
            sql: quote(&column.name),
            type_sql: column.type_sql.clone(),
        })
        .collect();
    let indexes = indexes(s, &id)?;
    let foreign_keys = foreign_keys::foreign_keys(s, &id)?;
    Ok(Some(Table {
        dialect: Dialect::Postgres,
        name,
        id,
        columns,
        primary_key,
        cursor,
        indexes,
        foreign_keys,
        estimate,
        create_sql: String::new(),
    }))
}

fn columns(s: &mut dyn Session, id: &str, table: &TableName) -> Result<Vec<Column>, Error> {
    let sql = format!(
        "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull::text, \
         CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END, \
         CASE WHEN a.attcollation <> t.typcollation THEN quote_ident(cn.nspname) || '.' || quote_ident(co.collname) END, \
         col_description(a.attrelid, a.attnum), \
         CASE WHEN a.attstattarget >= 0 THEN a.attstattarget::text END, \
         CASE WHEN a.attstorage <> t.typstorage THEN \
           CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END END \
         FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
         LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
         LEFT JOIN pg_collation co ON co.oid = a.attcollation \
         LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace \
         WHERE a.attrelid = ({BIND}::text)::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
    );
    let rows = s
        .rows(&sql, &[Some(id.to_owned())])
        .during("reading the columns")?;
    let grants = grants(s, id)?;
    let sequences = sequences::sequences(s, id)?;
    let quoted = table.quoted(Dialect::Postgres);
    let mut out = Vec::new();
    for mut row in rows {
        let name = word(&mut row, 0);
        let mut extras = Vec::new();
        if let Some(comment) = cell(&mut row, 5) {
            extras.push(Extra {
                before: format!("COMMENT ON COLUMN {quoted}."),
                after: format!(" IS {}", Postgres.literal(&comment)),
                same_type: false,
            });
        }
        let alter = format!("ALTER TABLE {quoted} ALTER COLUMN ");
        if let Some(target) = cell(&mut row, 6) {
            extras.push(Extra {
                before: alter.clone(),
                after: format!(" SET STATISTICS {target}"),
                same_type: false,
            });
        }
        if let Some(storage) = cell(&mut row, 7) {
            extras.push(Extra {
                before: alter,
                after: format!(" SET STORAGE {storage}"),
                same_type: true,
            });
        }
        for (_, privilege, role, option) in grants.iter().filter(|grant| grant.0 == name) {
            extras.push(Extra {
                before: format!("GRANT {privilege} ("),
                after: format!(") ON {quoted} TO {role}{option}"),
                same_type: false,
            });
        }
        let own = || sequences.iter().filter(|(column, ..)| *column == name);
        let identity = own().find_map(|(_, next, _)| next.clone());
        let sequences = own().map(|(_, _, sequence)| sequence.clone()).collect();
        out.push(Column {
            name,
            type_sql: word(&mut row, 1),
            not_null: flag(&mut row, 2),
            default: identity.or(cell(&mut row, 3)),
            sequences,
            collate: cell(&mut row, 4)
                .map(|collation| format!(" COLLATE {collation}"))
                .unwrap_or_default(),
            extras,
            definition: String::new(),
        });
    }
    Ok(out)
}

type Grant = (String, String, String, &'static str);

fn grants(s: &mut dyn Session, id: &str) -> Result<Vec<Grant>, Error> {
    let sql = format!(
        "SELECT a.attname::text, x.privilege_type, \
         CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END, \
         x.is_grantable::text FROM pg_attribute a, aclexplode(a.attacl) x \
         WHERE a.attrelid = ({BIND}::text)::oid AND a.attnum > 0 AND NOT a.attisdropped"
    );
    let rows = s
        .rows(&sql, &[Some(id.to_owned())])
        .during("reading column privileges")?;
    let grant = |mut row: TextRow| {
        let option = if flag(&mut row, 3) {
            " WITH GRANT OPTION"
        } else {
            ""
        };
        (
            word(&mut row, 0),
            word(&mut row, 1),
            word(&mut row, 2),
            option,
        )
    };
    Ok(rows.into_iter().map(grant).collect())
}

fn primary_key(s: &mut dyn Session, id: &str) -> Result<Vec<String>, Error> {
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

//! Foreign keys out of a table and into it.

use super::{cell, flag, word};
use crate::backend::session::{Session, BIND};
use crate::catalogue::{End, ForeignKey};
use crate::definition::TableName;
use crate::error::{Error, While};

pub(super) fn foreign_keys(s: &mut dyn Session, id: &str) -> Result<Vec<ForeignKey>, Error> {
    // `PERIOD` and `NOT ENFORCED` are new in 18: read through json, which has the key or has it not. A constraint with a
    // parent belongs to a partition and goes the parent's way.
    let sql = format!(
        "SELECT con.oid::text, con.conname::text, fn.nspname::text, fc.relname::text, fc.oid::text, tn.nspname::text, \
         tc.relname::text, tc.oid::text, con.confmatchtype::text, con.confupdtype::text, con.confdeltype::text, \
         con.condeferrable::text, con.condeferred::text, con.convalidated::text, \
         obj_description(con.oid, 'pg_constraint'), \
         CASE WHEN to_jsonb(con) ->> 'conperiod' = 'true' THEN 'p' \
           WHEN to_jsonb(con) ->> 'conenforced' = 'false' THEN 'e' \
           WHEN fc.relkind = 'p' AND fc.oid <> ({BIND}::text)::oid THEN 'f' END \
         FROM pg_constraint con JOIN pg_class fc ON fc.oid = con.conrelid JOIN pg_namespace fn ON fn.oid = fc.relnamespace \
         JOIN pg_class tc ON tc.oid = con.confrelid JOIN pg_namespace tn ON tn.oid = tc.relnamespace \
         WHERE con.contype = 'f' AND con.conparentid = 0 AND ({BIND}::text)::oid IN (con.conrelid, con.confrelid) \
         ORDER BY con.conname, con.oid"
    );
    let rows = s
        .rows(&sql, &[Some(id.to_owned()), Some(id.to_owned())])
        .during("reading the foreign keys")?;
    let columns = columns(s, id)?;
    let mut out = Vec::new();
    for mut row in rows {
        let constraint = word(&mut row, 0);
        // names and types
        let of = |side: &str| -> (Vec<String>, Vec<String>) {
            let ours = columns
                .iter()
                .filter(|column| column.constraint == constraint && column.side == side);
            ours.map(|column| (column.name.clone(), column.type_sql.clone()))
                .unzip()
        };
        let mut end = |first: usize, side: &str| {
            let (columns, types) = of(side);
            End {
                table: TableName {
                    schema: cell(&mut row, first),
                    name: word(&mut row, first + 1),
                },
                id: word(&mut row, first + 2),
                columns,
                types,
            }
        };
        let (from, to) = (end(2, "from"), end(5, "to"));
        let mut actions = String::new();
        if word(&mut row, 8) == "f" {
            actions.push_str(" MATCH FULL");
        }
        for (event, code) in [
            ("UPDATE", word(&mut row, 9)),
            ("DELETE", word(&mut row, 10)),
        ] {
            let action = match code.as_str() {
                "r" => "RESTRICT",
                "c" => "CASCADE",
                "n" => "SET NULL",
                "d" => "SET DEFAULT",
                _ => continue,
            };
            actions.push_str(&format!(" ON {event} {action}"));
        }
        let deferrable = match (flag(&mut row, 11), flag(&mut row, 12)) {
            (true, true) => " DEFERRABLE INITIALLY DEFERRED",
            (true, false) => " DEFERRABLE",
            _ => "",
        };
        out.push(ForeignKey {
            name: word(&mut row, 1),
            from,
            to,
            actions,
            set: of("set").0,
            deferrable: deferrable.to_owned(),
            validated: flag(&mut row, 13),
            comment: cell(&mut row, 14),
            problem: match word(&mut row, 15).as_str() {
                "p" => Some("foreign key with PERIOD"),
                "e" => Some("foreign key that is not enforced"),
                // NOT VALID is for ordinary tables, and its partitions are not this migration's
                "f" => Some("foreign key of a partitioned table"),
                _ => None,
            },
        });
    }
    Ok(out)
}

struct SideColumn {
    constraint: String,
    side: String,
    name: String,
    type_sql: String,
}

fn columns(s: &mut dyn Session, id: &str) -> Result<Vec<SideColumn>, Error> {
    // the columns of SET NULL are new in 15
    let sql = format!(
        "SELECT k.oid::text, k.side, a.attname::text, format_type(a.atttypid, a.atttypmod) FROM ( \
           SELECT con.oid, 'from' AS side, con.conrelid AS relation, u.attnum::int, u.n FROM pg_constraint con \
             CROSS JOIN LATERAL unnest(con.conkey) WITH ORDINALITY u(attnum, n) \
             WHERE con.contype = 'f' AND ({BIND}::text)::oid IN (con.conrelid, con.confrelid) \
           UNION ALL SELECT con.oid, 'to', con.confrelid, u.attnum::int, u.n FROM pg_constraint con \
             CROSS JOIN LATERAL unnest(con.confkey) WITH ORDINALITY u(attnum, n) \
             WHERE con.contype = 'f' AND ({BIND}::text)::oid IN (con.conrelid, con.confrelid) \
           UNION ALL SELECT con.oid, 'set', con.conrelid, u.attnum::int, u.n FROM pg_constraint con \
             CROSS JOIN LATERAL jsonb_array_elements_text(coalesce(nullif(to_jsonb(con) -> 'confdelsetcols', 'null'), '[]')) \
               WITH ORDINALITY u(attnum, n) \
             WHERE con.contype = 'f' AND ({BIND}::text)::oid IN (con.conrelid, con.confrelid)) k \
         JOIN pg_attribute a ON a.attrelid = k.relation AND a.attnum = k.attnum ORDER BY k.oid, k.side, k.n"
    );
    let id = Some(id.to_owned());
    let rows = s
        .rows(&sql, &[id.clone(), id.clone(), id])
        .during("reading the columns of the foreign keys")?;
    let column = |mut row| SideColumn {
        constraint: word(&mut row, 0),
        side: word(&mut row, 1),
        name: word(&mut row, 2),
        type_sql: word(&mut row, 3),
    };
    Ok(rows.into_iter().map(column).collect())
}

/// Whether the server takes a foreign key of the one type that refers to a column of the other: the referenced type's
/// equality in its btree family must have a form for both, or the referencing type become the other by itself.
pub(in crate::backend::postgres) fn comparable(
    s: &mut dyn Session,
    referenced: &str,
    referencing: &str,
) -> Result<bool, Error> {
    // what is stored alike is compared by the other type's operators: varchar by those of text
    let sql = format!(
        "WITH RECURSIVE named AS (SELECT to_regtype({BIND})::oid AS k, to_regtype({BIND})::oid AS f), \
         base (side, id) AS ( \
           SELECT 'k', k FROM named UNION ALL SELECT 'f', f FROM named \
           UNION ALL SELECT b.side, t.typbasetype FROM base b JOIN pg_type t ON t.oid = b.id WHERE t.typtype = 'd'), \
         pk AS (SELECT id FROM base WHERE side = 'k' UNION SELECT c.casttarget FROM base b JOIN pg_cast c \
           ON c.castsource = b.id AND c.castmethod = 'b' AND c.castcontext = 'i' WHERE b.side = 'k'), \
         fk AS (SELECT id FROM base WHERE side = 'f' UNION SELECT c.casttarget FROM base b JOIN pg_cast c \
           ON c.castsource = b.id AND c.castcontext = 'i' AND (c.castmethod = 'b' OR c.casttarget IN (SELECT id FROM pk)) \
           WHERE b.side = 'f') \
         SELECT 'x' WHERE EXISTS (SELECT FROM base a JOIN base b ON a.id = b.id AND a.side = 'k' AND b.side = 'f') \
         OR EXISTS (SELECT FROM pg_amop o JOIN pg_am am ON am.oid = o.amopmethod AND am.amname = 'btree' \
           WHERE o.amopstrategy = 3 AND o.amoplefttype IN (SELECT id FROM pk) AND o.amoprighttype IN (SELECT id FROM fk))"
    );
    let base = |t: &str| t.split('(').next().unwrap_or_default().trim().to_owned();
    let binds = [Some(base(referenced)), Some(base(referencing))];
    let rows = s
        .rows(&sql, &binds)
        .during("comparing the types of a foreign key")?;
    Ok(!rows.is_empty())
}

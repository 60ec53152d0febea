//! Indexes, and the constraints that are made of them.

use super::{cell, flag, quote, word};
use crate::backend::session::{Session, BIND};
use crate::catalogue::{Index, IndexKey};
use crate::error::{Error, While};

pub(super) fn indexes(s: &mut dyn Session, id: &str) -> Result<Vec<Index>, Error> {
    // NULLS NOT DISTINCT is new in 15: read through json, which has the key or has it not
    let sql = format!(
        "SELECT c.relname::text, i.indisunique::text, i.indisvalid::text, i.indisprimary::text, \
         (con.oid IS NOT NULL)::text, (coalesce(con.condeferrable, false))::text, \
         (coalesce(con.condeferred, false))::text, am.amname::text, (i.indpred IS NOT NULL)::text, \
         (i.indexprs IS NOT NULL)::text, array_to_string(c.reloptions, ', '), ts.spcname::text, \
         coalesce(to_jsonb(i) ->> 'indnullsnotdistinct', 'false'), i.indexrelid::text, i.indisexclusion::text, i.indisreplident::text \
         FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am am ON am.oid = c.relam \
         LEFT JOIN pg_constraint con ON con.conindid = i.indexrelid AND con.contype IN ('u', 'p', 'x') \
         LEFT JOIN pg_tablespace ts ON ts.oid = c.reltablespace \
         WHERE i.indrelid = ({BIND}::text)::oid ORDER BY c.relname"
    );
    let rows = s
        .rows(&sql, &[Some(id.to_owned())])
        .during("reading the indexes")?;
    let mut out = Vec::new();
    for mut row in rows {
        let name = word(&mut row, 0);
        let (primary, exclusion) = (flag(&mut row, 3), flag(&mut row, 14));
        let constraint = flag(&mut row, 4).then(|| {
            match (flag(&mut row, 5), flag(&mut row, 6)) {
                (true, true) => " DEFERRABLE INITIALLY DEFERRED",
                (true, false) => " DEFERRABLE",
                _ => "",
            }
            .to_owned()
        });
        let method = word(&mut row, 7);
        let problem = if exclusion {
            Some("exclusion constraint")
        } else if flag(&mut row, 15) {
            Some("replica identity index")
        } else if flag(&mut row, 9) {
            Some("expression index")
        } else if flag(&mut row, 8) {
            Some("partial index")
        } else if method != "btree" {
            Some("index of another kind than btree")
        } else {
            None
        };
        let mut suffix = String::new();
        if flag(&mut row, 12) {
            suffix.push_str(" NULLS NOT DISTINCT");
        }
        if let Some(options) = cell(&mut row, 10) {
            suffix.push_str(&format!(" WITH ({options})"));
        }
        if let Some(space) = cell(&mut row, 11) {
            suffix.push_str(&format!(" TABLESPACE {}", quote(&space)));
        }
        let (keys, included) = index_columns(s, &word(&mut row, 13))?;
        out.push(Index {
            name,
            unique: flag(&mut row, 1),
            primary,
            valid: flag(&mut row, 2),
            constraint,
            method: format!("USING {} ", quote(&method)),
            keys,
            included,
            suffix,
            problem: problem.map(str::to_owned),
        });
    }
    Ok(out)
}

fn index_columns(s: &mut dyn Session, id: &str) -> Result<(Vec<IndexKey>, Vec<String>), Error> {
    let sql = format!(
        "SELECT a.attname::text, (k.n > i.indnkeyatts)::text, \
         CASE WHEN NOT oc.opcdefault THEN quote_ident(ocn.nspname) || '.' || quote_ident(oc.opcname) END, \
         CASE WHEN coll.oid IS NOT NULL AND i.indcollation[k.n - 1] <> a.attcollation \
           THEN quote_ident(colln.nspname) || '.' || quote_ident(coll.collname) END, \
         i.indoption[k.n - 1]::text \
         FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY k(attnum, n) \
         JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum \
         LEFT JOIN pg_opclass oc ON oc.oid = i.indclass[k.n - 1] \
         LEFT JOIN pg_namespace ocn ON ocn.oid = oc.opcnamespace \
         LEFT JOIN pg_collation coll ON coll.oid = i.indcollation[k.n - 1] \
         LEFT JOIN pg_namespace colln ON colln.oid = coll.collnamespace \
         WHERE i.indexrelid = ({BIND}::text)::oid AND k.attnum > 0 ORDER BY k.n"
    );
    let rows = s
        .rows(&sql, &[Some(id.to_owned())])
        .during("reading an index's columns")?;
    let (mut keys, mut included) = (Vec::new(), Vec::new());
    for mut row in rows {
        let column = word(&mut row, 0);
        if flag(&mut row, 1) {
            included.push(column);
            continue;
        }
        let mut typed = String::new();
        if let Some(collation) = cell(&mut row, 3) {
            typed.push_str(&format!(" COLLATE {collation}"));
        }
        if let Some(class) = cell(&mut row, 2) {
            typed.push_str(&format!(" {class}"));
        }
        let order = match cell(&mut row, 4).as_deref() {
            Some("1") => " DESC NULLS LAST",
            Some("2") => " NULLS FIRST",
            Some("3") => " DESC",
            _ => "",
        };
        keys.push(IndexKey {
            column,
            typed,
            order: order.to_owned(),
        });
    }
    Ok((keys, included))
}

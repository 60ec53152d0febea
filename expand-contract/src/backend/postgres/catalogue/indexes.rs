//! Indexes, and the constraints that are made of them.

use super::columns::schema;
use super::{cell, flag, quote, word};
use crate::backend::postgres::rules::Postgres;
use crate::backend::rules::Rules;
use crate::backend::session::{Session, BIND};
use crate::catalogue::expr::Tree;
use crate::catalogue::{Expr, Extra, ExtraKind, Index, IndexKey};
use crate::definition::{Dialect, TableName};
use crate::error::{Error, While};

pub(super) fn indexes(
    s: &mut dyn Session,
    id: &str,
    table: &TableName,
    numbers: &[(i32, String)],
) -> Result<Vec<Index>, Error> {
    // NULLS NOT DISTINCT is new in 15: read through json, which has the key or has it not
    let sql = format!(
        "SELECT c.relname::text, i.indisunique::text, i.indisvalid::text, i.indisprimary::text, \
         (con.oid IS NOT NULL)::text, (coalesce(con.condeferrable, false))::text, \
         (coalesce(con.condeferred, false))::text, am.amname::text, \
         (SELECT string_agg(quote_ident(o.option_name) || ' = ' || quote_literal(o.option_value), ', ') \
           FROM pg_options_to_table(c.reloptions) o), \
         ts.spcname::text, coalesce(to_jsonb(i) ->> 'indnullsnotdistinct', 'false'), i.indexrelid::text, \
         i.indisexclusion::text, i.indisreplident::text, pg_get_expr(i.indpred, i.indrelid), \
         coalesce(i.indpred::text, ''), coalesce(i.indexprs::text, ''), i.indisclustered::text, \
         obj_description(c.oid, 'pg_class'), obj_description(con.oid, 'pg_constraint') \
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
        let constraint = flag(&mut row, 4).then(|| {
            match (flag(&mut row, 5), flag(&mut row, 6)) {
                (true, true) => " DEFERRABLE INITIALLY DEFERRED",
                (true, false) => " DEFERRABLE",
                _ => "",
            }
            .to_owned()
        });
        let (primary, exclusion) = (flag(&mut row, 3), flag(&mut row, 12));
        let problem = if exclusion {
            // there is no way to build one without keeping writers out for as long as it takes
            Some("exclusion constraint")
        } else {
            None
        };
        let options = cell(&mut row, 8).map(|options| format!(" WITH ({options})"));
        let space = cell(&mut row, 9).map(|space| format!(" TABLESPACE {}", quote(&space)));
        let index = word(&mut row, 11);
        let (keys, included) = keys(s, &index, &word(&mut row, 16), numbers)?;
        let condition = cell(&mut row, 14);
        let tree = Tree::read(&word(&mut row, 15), numbers);
        let comments = (cell(&mut row, 18), cell(&mut row, 19));
        out.push(Index {
            name: word(&mut row, 0),
            unique: flag(&mut row, 1),
            primary,
            valid: flag(&mut row, 2),
            constraint,
            method: format!("USING {} ", quote(&word(&mut row, 7))),
            keys,
            included,
            nulls_not_distinct: flag(&mut row, 10),
            storage: options.unwrap_or_default(),
            tablespace: space.unwrap_or_default(),
            condition: condition.map(|condition| Expr::cut(&condition, tree)),
            given: None,
            create_sql: String::new(),
            extras: extras(s, &index, table, comments)?,
            clustered: flag(&mut row, 17),
            replica_identity: flag(&mut row, 13),
            parts: Vec::new(),
            problem: problem.map(str::to_owned),
        });
    }
    Ok(out)
}

fn keys(
    s: &mut dyn Session,
    id: &str,
    expressions: &str,
    numbers: &[(i32, String)],
) -> Result<(Vec<IndexKey>, Vec<String>), Error> {
    // an operator class is written where it is not the default, or has parameters; the collation of an expression always
    let sql = format!(
        "SELECT k.attnum::text, (k.n > i.indnkeyatts)::text, \
         CASE WHEN NOT oc.opcdefault OR o.options IS NOT NULL THEN \
           quote_ident(ocn.nspname) || '.' || quote_ident(oc.opcname) || coalesce(' (' || o.options || ')', '') END, \
         CASE WHEN coll.oid IS NOT NULL AND i.indcollation[k.n - 1] IS DISTINCT FROM a.attcollation \
           THEN quote_ident(colln.nspname) || '.' || quote_ident(coll.collname) END, \
         i.indoption[k.n - 1]::text, CASE WHEN k.attnum = 0 THEN pg_get_indexdef(i.indexrelid, k.n::int, false) END \
         FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY k(attnum, n) \
         LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND k.attnum <> 0 \
         LEFT JOIN pg_attribute ia ON ia.attrelid = i.indexrelid AND ia.attnum = k.n \
         LEFT JOIN LATERAL (SELECT string_agg(quote_ident(p.option_name) || ' = ' || quote_literal(p.option_value), ', ') \
           AS options FROM pg_options_to_table(ia.attoptions) p WHERE NOT starts_with(p.option_name, 'pg_')) o ON true \
         LEFT JOIN pg_opclass oc ON oc.oid = i.indclass[k.n - 1] \
         LEFT JOIN pg_namespace ocn ON ocn.oid = oc.opcnamespace \
         LEFT JOIN pg_collation coll ON coll.oid = i.indcollation[k.n - 1] \
         LEFT JOIN pg_namespace colln ON colln.oid = coll.collnamespace \
         WHERE i.indexrelid = ({BIND}::text)::oid ORDER BY k.n"
    );
    let rows = s
        .rows(&sql, &[Some(id.to_owned())])
        .during("reading an index's columns")?;
    let (mut keys, mut included) = (Vec::new(), Vec::new());
    let mut trees = Tree::each(expressions, numbers).into_iter();
    for mut row in rows {
        let number: i32 = word(&mut row, 0).parse().unwrap_or(0);
        let column = numbers.iter().find(|(known, _)| *known == number);
        let column = column.map(|(_, name)| name.clone()).unwrap_or_default();
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
        let expression = cell(&mut row, 5);
        keys.push(IndexKey {
            column,
            expression: expression.map(|text| Expr::cut(&text, trees.next().unwrap_or_default())),
            typed,
            order: order.to_owned(),
        });
    }
    Ok((keys, included))
}

// Comments, statistics targets of expressions, extensions with which it goes
fn extras(
    s: &mut dyn Session,
    id: &str,
    table: &TableName,
    (comment, constraint_comment): (Option<String>, Option<String>),
) -> Result<Vec<Extra>, Error> {
    let (mut out, quoted) = (Vec::new(), table.quoted(Dialect::Postgres));
    let mut set = |before: String, after: String, kind| {
        out.push(Extra {
            before,
            after,
            kind,
        });
    };
    let alter = format!("ALTER INDEX {}", schema(table));
    let sql = format!(
        "SELECT 'column', attnum::text, attstattarget::text FROM pg_attribute \
         WHERE attrelid = ({BIND}::text)::oid AND attnum > 0 AND attstattarget >= 0 \
         UNION ALL SELECT 'extension', quote_ident(e.extname), '' FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid \
         WHERE d.classid = 'pg_class'::regclass AND d.objid = ({BIND}::text)::oid AND d.deptype = 'x' \
         AND d.refclassid = 'pg_extension'::regclass ORDER BY 1, 2"
    );
    let rows = s
        .rows(&sql, &[Some(id.to_owned()), Some(id.to_owned())])
        .during("reading an index's properties")?;
    for mut row in rows {
        let (kind, what, value) = (word(&mut row, 0), word(&mut row, 1), word(&mut row, 2));
        let (after, kind) = match kind.as_str() {
            "column" => (
                format!(" ALTER COLUMN {what} SET STATISTICS {value}"),
                ExtraKind::Target,
            ),
            _ => (format!(" DEPENDS ON EXTENSION {what}"), ExtraKind::Plain),
        };
        set(alter.clone(), after, kind);
    }
    if let Some(comment) = comment {
        let comment = Postgres.literal(&comment);
        set(
            format!("COMMENT ON INDEX {}", schema(table)),
            format!(" IS {comment}"),
            ExtraKind::Plain,
        );
    }
    if let Some(comment) = constraint_comment {
        let comment = Postgres.literal(&comment);
        set(
            "COMMENT ON CONSTRAINT ".to_owned(),
            format!(" ON {quoted} IS {comment}"),
            ExtraKind::Plain,
        );
    }
    Ok(out)
}

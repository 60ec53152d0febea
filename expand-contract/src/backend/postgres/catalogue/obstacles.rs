//! What depends on a column and cannot be carried.

use super::{flag, word};
use crate::backend::mirror::PREFIX;
use crate::backend::postgres::one;
use crate::backend::session::{transaction, Session, BIND};
use crate::catalogue::{Expr, Table};
use crate::definition::Conversion;
use crate::error::{Error, Obstacle, While};
use crate::plan::{Active, Context};
use crate::text::mentions_word;

pub(in crate::backend::postgres) fn obstacles(
    s: &mut dyn Session,
    cx: &Context<'_>,
) -> Result<Vec<Obstacle>, Error> {
    let (table, mut out) = (cx.table, Vec::new());
    extension(s, cx, &mut out)?;
    for change in cx.changes {
        let column = change.from;
        let mut add = |kind: &str, name: String| {
            let obstacle = Obstacle::new(column, kind, &name);
            if !out.contains(&obstacle) {
                out.push(obstacle);
            }
        };
        for index in &table.indexes {
            if let (true, Some(problem)) = (index.covers(column, table.dialect), &index.problem) {
                add(problem, index.name.clone());
            }
        }
        let not_null = table.column(column).and_then(|c| c.not_null_as.as_ref());
        if let Some(not_null) = not_null.filter(|not_null| !not_null.validated) {
            add(
                "NOT NULL constraint that is not validated",
                not_null.name.clone(),
            );
        }
        dependents(s, cx, column, &mut add)?;
        generated(s, table, column, &mut add)?;
        triggers(s, table, column, &mut add)?;
    }
    for change in cx.changes {
        if change.conversion != Conversion::Identity {
            classes(s, cx, change, &mut out)?;
        }
    }
    whole_rows(cx, &mut out);
    Ok(out)
}

// What belongs to an extension is its script's business.
fn extension(s: &mut dyn Session, cx: &Context<'_>, out: &mut Vec<Obstacle>) -> Result<(), Error> {
    let sql = format!(
        "SELECT e.extname::text FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid \
         WHERE d.classid = 'pg_class'::regclass AND d.objid = ({BIND}::text)::oid AND d.objsubid = 0 \
         AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'"
    );
    let rows = s
        .rows(&sql, &[Some(cx.table.id.clone())])
        .during("looking for the table's extension")?;
    if let (Some(name), Some(change)) = (one(rows), cx.changes.first()) {
        out.push(Obstacle::new(change.from, "table of extension", &name));
    }
    Ok(())
}

// An index on the column as such goes by an operator class that the new type may not have.
fn classes(
    s: &mut dyn Session,
    cx: &Context<'_>,
    change: &Active,
    out: &mut Vec<Obstacle>,
) -> Result<(), Error> {
    let table = cx.table;
    let indexes = cx.carried_indexes().filter(|index| {
        let mut keys = index.keys.iter();
        let on_column = keys.any(|key| key.expression.is_none() && key.column == change.from);
        on_column && index.problem.is_none() && cx.index_on_new(index).given.is_none()
    });
    for index in indexes {
        let sql = format!(
            "WITH t AS (SELECT CASE WHEN y.typtype = 'd' THEN y.typbasetype ELSE y.oid END AS oid, y.typtype, y.typcategory \
             FROM pg_type y WHERE y.oid = pg_typeof(NULL::{})) \
             SELECT 'x' FROM t, pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_opclass o ON o.opcmethod = c.relam \
             WHERE i.indrelid = ({BIND}::text)::oid AND c.relname = {BIND} AND o.opcdefault AND (o.opcintype = t.oid \
             OR EXISTS (SELECT 1 FROM pg_cast k WHERE k.castsource = t.oid AND k.casttarget = o.opcintype AND k.castmethod = 'b') \
             OR o.opcintype = CASE WHEN t.typtype = 'e' THEN 'anyenum'::regtype WHEN t.typtype = 'r' THEN 'anyrange'::regtype \
               WHEN t.typtype = 'm' THEN 'anymultirange'::regtype WHEN t.typtype = 'c' THEN 'record'::regtype \
               WHEN t.typcategory = 'A' THEN 'anyarray'::regtype END)",
            cx.new_type(change)?
        );
        let binds = [Some(table.id.clone()), Some(index.name.clone())];
        // a type that does not exist is reported with the conversion
        let found = transaction(s, |s: &mut dyn Session| {
            s.rows(&sql, &binds).during("looking for an operator class")
        });
        if found.is_ok_and(|rows| rows.is_empty()) {
            let kind = "index of a method without an operator class for the new type";
            let mut obstacle = Obstacle::new(change.from, kind, &index.name);
            obstacle.remedy = Some(crate::plan::remedy(&index.name, "(…)", change));
            out.push(obstacle);
        }
    }
    Ok(())
}

// The row as a whole has the new column in it from `expand` on.
fn whole_rows(cx: &Context<'_>, out: &mut Vec<Obstacle>) {
    let Some(change) = cx.changes.first() else {
        return;
    };
    for index in &cx.table.indexes {
        if index.expressions().any(Expr::takes_whole_row) {
            let kind = "index over the whole row";
            out.push(Obstacle::new(change.from, kind, &index.name));
        }
    }
    for check in &cx.table.checks {
        if check.condition.takes_whole_row() {
            let kind = "CHECK constraint over the whole row";
            out.push(Obstacle::new(change.from, kind, &check.name));
        }
    }
}

// Everything that the server itself knows to depend on the column.
fn dependents(
    s: &mut dyn Session,
    cx: &Context<'_>,
    column: &str,
    add: &mut dyn FnMut(&str, String),
) -> Result<(), Error> {
    let table = cx.table;
    let sql = format!(
        "SELECT d.classid::regclass::text, pg_describe_object(d.classid, d.objid, d.objsubid), \
         coalesce(con.contype::text, ''), coalesce(ic.relkind::text, ''), \
         (ad.adnum = a.attnum)::text, coalesce(con.conname::text, ic.relname::text, tg.tgname::text, \
           CASE WHEN rw.rulename = '_RETURN' THEN rw.ev_class::regclass::text END, rw.rulename::text, pol.polname::text, \
           gen.attname::text, pub.pubname::text, \
           CASE WHEN d.classid = 'pg_proc'::regclass THEN d.objid::regprocedure::text END, ''), d.deptype::text, \
         CASE WHEN rw.rulename = '_RETURN' THEN rc.relkind::text ELSE 'rule' END, \
         (to_jsonb(pr) ->> 'prattrs' IS NULL)::text \
         FROM pg_attribute a JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid \
           AND d.refobjsubid = a.attnum \
         LEFT JOIN pg_constraint con ON d.classid = 'pg_constraint'::regclass AND con.oid = d.objid \
         LEFT JOIN pg_class ic ON d.classid = 'pg_class'::regclass AND ic.oid = d.objid \
         LEFT JOIN pg_attrdef ad ON d.classid = 'pg_attrdef'::regclass AND ad.oid = d.objid \
         LEFT JOIN pg_trigger tg ON d.classid = 'pg_trigger'::regclass AND tg.oid = d.objid \
         LEFT JOIN pg_rewrite rw ON d.classid = 'pg_rewrite'::regclass AND rw.oid = d.objid \
         LEFT JOIN pg_class rc ON rc.oid = rw.ev_class \
         LEFT JOIN pg_publication_rel pr ON d.classid = 'pg_publication_rel'::regclass AND pr.oid = d.objid \
         LEFT JOIN pg_publication pub ON pub.oid = pr.prpubid \
         LEFT JOIN pg_policy pol ON d.classid = 'pg_policy'::regclass AND pol.oid = d.objid \
         LEFT JOIN pg_attribute gen ON gen.attrelid = ad.adrelid AND gen.attnum = ad.adnum \
         WHERE a.attrelid = ({BIND}::text)::oid AND a.attname = {BIND}"
    );
    let binds = [Some(table.id.clone()), Some(column.to_owned())];
    let rows = s
        .rows(&sql, &binds)
        .during("looking for objects that depend on the column")?;
    for mut row in rows {
        let (class, text, constraint, relation) = (
            word(&mut row, 0),
            word(&mut row, 1),
            word(&mut row, 2),
            word(&mut row, 3),
        );
        let (own_default, name) = (flag(&mut row, 4), word(&mut row, 5));
        let (rewritten, filter) = (word(&mut row, 7), flag(&mut row, 8));
        let named = if name.is_empty() { text } else { name };
        match (class.as_str(), constraint.as_str(), relation.as_str()) {
            // carried, if the table's catalogue shows them
            ("pg_constraint", "c", _) if table.check(&named).is_some() => {}
            ("pg_constraint", "c", _) => add("CHECK constraint", named),
            // a property of the column
            ("pg_constraint", "n", _) => {}
            // carried, or looked at with what they refer to; of the others the indexes were looked at
            ("pg_constraint", "f", _) => {}
            ("pg_constraint", "u" | "p" | "x", _) => {}
            // also where an expression or a condition names the column
            ("pg_class", _, "i" | "I") => {
                let index = table.index(&named);
                if let Some(problem) = index.and_then(|index| index.problem.as_deref()) {
                    add(problem, named);
                }
            }
            // carried
            ("pg_class", _, "S") => {}
            ("pg_attrdef", ..) if own_default => {}
            ("pg_attrdef", ..) => add("generated column", named),
            ("pg_rewrite", ..) => match rewritten.as_str() {
                "v" => add("view", named),
                "m" => add("materialized view", named),
                _ => add("rule", named),
            },
            ("pg_policy", ..) => add("policy", named),
            ("pg_trigger", ..) if named.starts_with(PREFIX) => {}
            ("pg_trigger", ..) => add("trigger", named),
            ("pg_publication_rel", ..) if filter => add("publication's row filter", named),
            ("pg_publication_rel", ..) => add("publication's column list", named),
            // carried
            ("pg_statistic_ext", ..) => {}
            ("pg_proc", ..) => add("function", named),
            _ => add("dependent object", named),
        }
    }
    Ok(())
}

fn generated(
    s: &mut dyn Session,
    table: &Table,
    column: &str,
    add: &mut dyn FnMut(&str, String),
) -> Result<(), Error> {
    let sql = format!(
        "SELECT 'generated column' FROM pg_attribute WHERE attrelid = ({BIND}::text)::oid AND attname = {BIND} \
         AND attgenerated <> ''"
    );
    let rows = s
        .rows(&sql, &[Some(table.id.clone()), Some(column.to_owned())])
        .during("looking at the column")?;
    if let Some(kind) = one(rows) {
        add(&kind, column.to_owned());
    }
    Ok(())
}

// Function bodies and arguments are text to the server: the column's name as a word is enough to refuse. (An OF list and a
// WHEN clause it knows itself.)
pub(in crate::backend::postgres) fn triggers(
    s: &mut dyn Session,
    table: &Table,
    column: &str,
    add: &mut dyn FnMut(&str, String),
) -> Result<(), Error> {
    let sql = format!(
        "SELECT t.tgname::text, p.prosrc || ' ' || replace(encode(t.tgargs, 'escape'), '\\000', ' ') \
         FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid \
         WHERE t.tgrelid = ({BIND}::text)::oid AND NOT t.tgisinternal"
    );
    let rows = s
        .rows(&sql, &[Some(table.id.clone())])
        .during("looking at the triggers")?;
    for mut row in rows {
        let (name, source) = (word(&mut row, 0), word(&mut row, 1));
        if !name.starts_with(PREFIX) && mentions_word(&source, column) {
            add("trigger", name);
        }
    }
    Ok(())
}

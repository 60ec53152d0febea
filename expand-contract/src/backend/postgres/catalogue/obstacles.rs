//! What depends on a column and cannot be carried.

use super::{flag, word};
use crate::backend::mirror::PREFIX;
use crate::backend::postgres::{one, rules};
use crate::backend::session::{Session, BIND};
use crate::catalogue::Table;
use crate::error::{Error, Obstacle, While};
use crate::text::mentions_word;

pub(in crate::backend::postgres) fn obstacles(
    s: &mut dyn Session,
    table: &Table,
    columns: &[(&str, bool)],
) -> Result<Vec<Obstacle>, Error> {
    let mut out = Vec::new();
    for (column, _retype) in columns {
        let mut add = |kind: &str, name: String| {
            let obstacle = Obstacle {
                column: (*column).to_owned(),
                kind: kind.to_owned(),
                name,
            };
            if !out.contains(&obstacle) {
                out.push(obstacle);
            }
        };
        for index in &table.indexes {
            if let (true, Some(problem)) = (index.covers(column, table.dialect), &index.problem) {
                add(problem, index.name.clone());
            }
        }
        dependents(s, table, column, &mut add)?;
        generated(s, table, column, &mut add)?;
        triggers(s, table, column, &mut add)?;
    }
    Ok(out)
}

// Everything that the server itself knows to depend on the column.
fn dependents(
    s: &mut dyn Session,
    table: &Table,
    column: &str,
    add: &mut dyn FnMut(&str, String),
) -> Result<(), Error> {
    let sql = format!(
        "SELECT d.classid::regclass::text, pg_describe_object(d.classid, d.objid, d.objsubid), \
         coalesce(con.contype::text, ''), coalesce(ic.relkind::text, ''), \
         (ad.adnum = a.attnum)::text, coalesce(con.conname::text, ic.relname::text, tg.tgname::text, ''), d.deptype::text \
         FROM pg_attribute a JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid \
           AND d.refobjsubid = a.attnum \
         LEFT JOIN pg_constraint con ON d.classid = 'pg_constraint'::regclass AND con.oid = d.objid \
         LEFT JOIN pg_class ic ON d.classid = 'pg_class'::regclass AND ic.oid = d.objid \
         LEFT JOIN pg_attrdef ad ON d.classid = 'pg_attrdef'::regclass AND ad.oid = d.objid \
         LEFT JOIN pg_trigger tg ON d.classid = 'pg_trigger'::regclass AND tg.oid = d.objid \
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
        let named = if name.is_empty() { text } else { name };
        match (class.as_str(), constraint.as_str(), relation.as_str()) {
            // left by a step that was interrupted
            ("pg_constraint", "c", _) if named == rules::check_name(table, column) => {}
            ("pg_constraint", "c", _) => add("CHECK constraint", named),
            // carried, or looked at with what they refer to; of the others the indexes were looked at
            ("pg_constraint", "f", _) => {}
            ("pg_constraint", "u" | "p" | "x", _) => {}
            // also where an expression or a condition names the column
            ("pg_class", _, "i") => {
                let index = table.index(&named);
                if let Some(problem) = index.and_then(|index| index.problem.as_deref()) {
                    add(problem, named);
                }
            }
            // carried
            ("pg_class", _, "S") => {}
            ("pg_attrdef", ..) if own_default => {}
            ("pg_attrdef", ..) => add("generated column", named),
            ("pg_rewrite", ..) => add("view or rule", named),
            ("pg_policy", ..) => add("policy", named),
            ("pg_trigger", ..) if named.starts_with(PREFIX) => {}
            ("pg_trigger", ..) => add("trigger", named),
            ("pg_publication_rel", ..) => add("publication's column list", named),
            ("pg_statistic_ext", ..) => add("extended statistics", named),
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
fn triggers(
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

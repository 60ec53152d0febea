//! Keys and sequences that cannot be carried.

use super::foreign_keys::comparable;
use super::{flag, word};
use crate::backend::postgres::{foreign_keys, identity};
use crate::backend::session::{Session, BIND};
use crate::catalogue::ForeignKey;
use crate::definition::{Conversion, Dialect};
use crate::error::{Error, Obstacle, While};
use crate::plan::{Active, Context};

pub(in crate::backend::postgres) fn key_obstacles(
    s: &mut dyn Session,
    cx: &Context<'_>,
) -> Result<Vec<Obstacle>, Error> {
    let mut out = Vec::new();
    for change in cx.changes {
        let mut add = |kind: &str, name: &str| {
            out.push(Obstacle::new(change.from, kind, name));
        };
        for index in cx.table.indexes.iter().filter(|index| index.primary) {
            let covers = index.covers(change.from, cx.table.dialect);
            if covers && change.conversion == Conversion::Rust {
                add("primary key that only Rust can convert", &index.name);
            }
        }
        for key in &cx.table.foreign_keys {
            if !key.covers(cx.table, change.from) {
                continue;
            }
            if let Some(problem) = key.problem.or_else(|| problem(change, key, cx)) {
                add(problem, &key.name);
            } else if !compares(s, cx, key)? {
                add(
                    "foreign key between types that would not compare",
                    &key.name,
                );
            }
            role(s, cx, key)?;
        }
        out.extend(identity::obstacles(cx, change));
    }
    Ok(out)
}

fn problem(change: &Active, key: &ForeignKey, cx: &Context<'_>) -> Option<&'static str> {
    let sides = || key.enters(cx.table, change.from) && key.from.id == cx.table.id;
    let migrates = |column: &String| cx.changes.iter().any(|change| change.from == column);
    if sides() && key.actions.contains("SET DEFAULT") && key.from.columns.iter().any(migrates) {
        // between the two moves the default is gone
        return Some("foreign key with SET DEFAULT both of whose sides migrate");
    }
    match change.conversion {
        Conversion::Identity => None,
        Conversion::Rust => Some("foreign key over a column that only Rust can convert"),
        Conversion::Sql { up, down } => {
            let cast = up.is_cast(Dialect::Postgres) && down.is_cast(Dialect::Postgres);
            if !cast || !change.def.lossless {
                // the other table's values do not change with this one's
                Some("foreign key over a conversion that is no lossless cast")
            } else if key.leaves(cx.table, change.from)
                && key.actions.contains("MATCH FULL")
                && key.from.columns.len() > 1
            {
                // a value that only one of the two columns can hold leaves the other one NULL
                Some("foreign key of several columns with MATCH FULL over a conversion")
            } else {
                None
            }
        }
    }
}

// whether both sides can still be compared when the changes are made
fn compares(s: &mut dyn Session, cx: &Context<'_>, key: &ForeignKey) -> Result<bool, Error> {
    if cx
        .changes
        .iter()
        .all(|change| change.conversion == Conversion::Identity)
    {
        return Ok(true);
    }
    for pair in foreign_keys::types(cx, key)? {
        if !comparable(s, &pair.1, &pair.0)? {
            return Ok(false);
        }
    }
    Ok(true)
}

// the referencing table is altered, and what it refers to must be allowed to be referred to
fn role(s: &mut dyn Session, cx: &Context<'_>, key: &ForeignKey) -> Result<(), Error> {
    let sql = format!(
        "SELECT pg_has_role(current_user, f.relowner, 'USAGE')::text, quote_ident(pg_get_userbyid(f.relowner)), \
         (has_table_privilege(t.oid, 'REFERENCES') OR NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.oid \
           AND a.attname = ANY (string_to_array({BIND}, E'\\n')) AND NOT has_column_privilege(t.oid, a.attnum, 'REFERENCES')))::text, \
         quote_ident(current_user) FROM pg_class f, pg_class t WHERE f.oid = ({BIND}::text)::oid AND t.oid = ({BIND}::text)::oid"
    );
    let binds = [
        Some(key.to.columns.join("\n")),
        Some(key.from.id.clone()),
        Some(key.to.id.clone()),
    ];
    let rows = s.rows(&sql, &binds).during("looking at privileges")?;
    let Some(mut row) = rows.into_iter().next() else {
        return Ok(());
    };
    let me = word(&mut row, 3);
    if !flag(&mut row, 0) {
        let owner = word(&mut row, 1);
        return Err(Error::Privilege {
            what: format!(
                "alter {}, whose foreign key {} refers to {}",
                key.from.table, key.name, cx.table.name
            ),
            grant: format!("GRANT {owner} TO {me}"),
        });
    }
    if !flag(&mut row, 2) {
        return Err(Error::Privilege {
            what: format!(
                "refer to {}, as foreign key {} does",
                key.to.table, key.name
            ),
            grant: format!(
                "GRANT REFERENCES ON {} TO {me}",
                key.to.table.quoted(Dialect::Postgres)
            ),
        });
    }
    Ok(())
}

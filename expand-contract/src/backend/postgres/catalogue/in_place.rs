//! What a column in place cannot have.

use super::obstacles::triggers;
use super::partitions::FOREIGN;
use crate::backend::session::{Session, BIND};
use crate::catalogue::Table;
use crate::error::{Error, Obstacle, While};

/// What does not follow when the column takes its other name, or cannot. Indexes, constraints, foreign keys, views, rules,
/// policies, statistics, publications, grants and bodies that the server has parsed (`BEGIN ATOMIC`) refer to a column by its
/// number. `columns`: the name that it has and the one that it gets.
pub(crate) fn obstacles(
    s: &mut dyn Session,
    table: &Table,
    columns: &[(&str, &str)],
) -> Result<Vec<Obstacle>, Error> {
    let mut out = Vec::new();
    for (column, _) in columns {
        let mut add = |kind: &str, name: String| {
            out.push(Obstacle::new(column, kind, &name));
        };
        triggers(s, table, column, &mut add)?;
        for one in table.partitions.iter().flatten() {
            if one.problem == Some(FOREIGN) {
                // its server knows the column by its name
                add(FOREIGN, one.name.name.clone());
            }
            let partition = Table {
                id: one.id.clone(),
                ..table.clone()
            };
            triggers(s, &partition, column, &mut add)?;
        }
        let sql = format!(
            "WITH RECURSIVE d AS (\
               SELECT t.oid, t.typbasetype, t.typnotnull, t.typname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
                 WHERE a.attrelid = ({BIND}::text)::oid AND a.attname = {BIND} AND t.typtype = 'd' \
               UNION ALL SELECT t.oid, t.typbasetype, t.typnotnull, t.typname FROM d JOIN pg_type t ON t.oid = d.typbasetype \
                 WHERE t.typtype = 'd') \
             SELECT 'domain with constraints, which an empty marker does not meet', typname::text FROM d \
               WHERE typnotnull OR EXISTS (SELECT 1 FROM pg_constraint c WHERE c.contypid = d.oid) \
             UNION ALL SELECT CASE WHEN attidentity <> '' THEN 'identity column' ELSE 'generated column' END, attname::text \
               FROM pg_attribute WHERE attrelid = ({BIND}::text)::oid AND attname = {BIND} \
               AND (attidentity <> '' OR attgenerated <> '') \
             UNION ALL SELECT 'table of a composite type', reloftype::regtype::text FROM pg_class \
               WHERE oid = ({BIND}::text)::oid AND reloftype <> 0"
        );
        let (id, name) = (Some(table.id.clone()), Some((*column).to_owned()));
        let binds = [id.clone(), name.clone(), id.clone(), name, id];
        let rows = s
            .rows(&sql, &binds)
            .during("looking for what a rename does not carry")?;
        for row in rows {
            let mut cells = row.into_iter().map(Option::unwrap_or_default);
            let kind = cells.next().unwrap_or_default();
            add(&kind, cells.next().unwrap_or_default());
        }
    }
    Ok(out)
}

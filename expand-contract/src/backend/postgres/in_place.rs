//! Renames in place: who writes only the old name, and what does not follow a column to its new one.

use super::mirror::{function, SEARCH_PATH};
use super::rules::{differ, Postgres};
use crate::backend::mirror::{Defaulted, Mirror, PREFIX};
use crate::backend::rules::Rules;
use crate::backend::session::{Session, BIND};
use crate::catalogue::Table;
use crate::definition::Dialect;
use crate::error::{Error, Obstacle, While};
use crate::ledger;
use crate::phase::Side;
use crate::plan::{Active, Context};

/// The triggers that put on record who writes the old column without the marker. They change nothing in the row: the marker is
/// read by nobody. Their `WHEN` lets everybody else pass without a call of a function.
pub(crate) fn watch(cx: &Context<'_>) -> Result<Vec<String>, Error> {
    let table = cx.table.sql();
    let mut out = vec![SEARCH_PATH.to_owned()];
    for mirror in Mirror::all(cx) {
        let (old, marker) = (mirror.old("NEW"), mirror.new("NEW"));
        let (type_sql, collate) = (cx.new_type(mirror.change)?, cx.new_collate(mirror.change));
        // who knows both gives both the same value
        let differs = differ(&marker, &old, &type_sql, &collate);
        let id = Postgres.literal(cx.def.id);
        let saw = ledger::saw(Dialect::Postgres, mirror.origin(&id), Side::Old);
        for event in events(&mirror).iter().copied() {
            let when = match (event, mirror.old_defaulted(false)) {
                (Event::Update, _) => format!(
                    "{differs} AND NOT {} AND {}",
                    mirror.old_kept(),
                    mirror.new_kept()?
                ),
                // an INSERT that leaves the column out knows neither name
                (Event::Insert, Defaulted::If(default)) => {
                    format!("{marker} IS NULL AND {differs} AND NOT {default}")
                }
                (Event::Insert, _) => format!("{marker} IS NULL AND {differs}"),
            };
            let (trigger, called) = (trigger(&mirror, event), function_of(&mirror, event));
            out.extend(function(&called, &saw));
            out.push(format!(
                "CREATE TRIGGER \"{trigger}\" BEFORE {} ON {table} FOR EACH ROW WHEN ({when}) \
                 EXECUTE FUNCTION {called}()",
                event.sql()
            ));
        }
    }
    Ok(out)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Insert,
    Update,
}

impl Event {
    const fn sql(self) -> &'static str {
        match self {
            Event::Insert => "INSERT",
            Event::Update => "UPDATE",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Event::Insert => "insert",
            Event::Update => "update",
        }
    }
}

// Where each row gets another default, an INSERT that leaves the column out looks like one that does not know the marker.
fn events(mirror: &Mirror<'_>) -> &'static [Event] {
    match mirror.old_defaulted(false) {
        Defaulted::Perhaps => &[Event::Update],
        Defaulted::No | Defaulted::If(_) => &[Event::Insert, Event::Update],
    }
}

// the names of the safety net's triggers and functions, which this has instead of it, so that they go the same way
fn trigger(mirror: &Mirror<'_>, event: Event) -> String {
    format!("{PREFIX}{}_{}", mirror.tag, event.name())
}

fn function_of(mirror: &Mirror<'_>, event: Event) -> String {
    format!("expand_contract.\"mirror_{}_{}\"", mirror.tag, event.name())
}

/// The names of the triggers.
pub(crate) fn watchers(cx: &Context<'_>) -> Vec<String> {
    Mirror::all(cx)
        .flat_map(|mirror| {
            let events = events(&mirror).iter();
            events
                .map(|event| trigger(&mirror, *event))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Why the triggers miss some of those who write only the old name; none where they miss none.
pub(crate) fn unseen(change: &Active) -> Option<String> {
    let default = change.frozen.default.as_deref()?;
    (!crate::backend::mirror::is_steady(default)).then(|| {
        format!(
            "the default of `{}` ({default}) is another one for each row, so that an INSERT by a program that knows the old \
             name only looks like one that leaves the column out",
            change.from
        )
    })
}

/// What does not follow when the column takes its other name, or cannot. Indexes, constraints, foreign keys, views, rules,
/// policies, statistics, publications, grants and bodies that the server has parsed (`BEGIN ATOMIC`) refer to a column by its
/// number. `columns`: the name that it has and the one that it gets.
pub(super) fn obstacles(
    s: &mut dyn Session,
    table: &Table,
    columns: &[(&str, &str)],
) -> Result<Vec<Obstacle>, Error> {
    let mut out = Vec::new();
    for (column, _) in columns {
        let mut add = |kind: &str, name: String| {
            out.push(Obstacle::new(column, kind, &name));
        };
        super::catalogue::obstacles::triggers(s, table, column, &mut add)?;
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

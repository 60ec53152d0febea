//! Renames in place: who writes only the old name, and what does not follow a column to its new one.

use super::mirror::{function, SEARCH_PATH};
use super::rules::{differ, Postgres};
use crate::backend::mirror::{Defaulted, Mirror, PREFIX};
use crate::backend::rules::Rules;
use crate::definition::Dialect;
use crate::error::Error;
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

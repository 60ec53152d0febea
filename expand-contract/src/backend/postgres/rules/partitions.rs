//! Indexes of a partitioned table, which cannot be built concurrently as a whole: the table's own, without rows and not valid
//! yet, then one per partition, each attached. The last one makes the table's valid (manual, *CREATE INDEX*).
//!
//! From the moment the table has its own, the server sees to partitions that come to it.

use super::{indexes, quote, schema, Postgres};
use crate::backend::rules::Rules;
use crate::catalogue::{ExtraKind, Index, Partition, Table};
use crate::phase::Step;
use crate::plan::{Action, Active, Context, Kind, Work};

fn partitions(table: &Table) -> &[Partition] {
    table.partitions.as_deref().unwrap_or_default()
}

fn as_table(table: &Table, partition: &Partition) -> Table {
    Table {
        name: partition.name.clone(),
        id: partition.id.clone(),
        ..table.clone()
    }
}

/// The transaction holds for these partitions and no others.
pub(super) fn unchanged(cx: &Context<'_>) -> Option<Work> {
    let partitions = cx.table.partitions.as_ref()?;
    Some(Work::Partitions {
        ids: partitions.iter().map(|one| one.id.clone()).collect(),
        all: true,
    })
}

/// The name that the copy of a partition's index has until it takes that one's.
fn part_name(cx: &Context<'_>, old: &Index, partition: &Partition) -> String {
    let part = old.parts.iter().find(|part| part.of == partition.id);
    match part {
        Some(part) => cx.rules.copy_name(&part.name, false),
        None => {
            let name = format!("{} {}", partition.name.name, old.name);
            cx.rules.copy_name(&name, false)
        }
    }
}

fn only(table: &Table, index: &Index, name: &str) -> String {
    format!(
        "CREATE INDEX {} ON ONLY {} {}",
        quote(name),
        table.sql(),
        indexes::definition(index)
    )
}

fn attach(table: &Table, name: &str, part: &str) -> String {
    let schema = schema(table);
    format!(
        "ALTER INDEX {schema}{} ATTACH PARTITION {schema}{}",
        quote(name),
        quote(part)
    )
}

/// The table's own index, unless it is there.
pub(super) fn parent(cx: &Context<'_>, step: Step, index: &Index, name: &str) -> Option<Action> {
    if cx.table.index(name).is_some() {
        return None;
    }
    let mut work: Vec<Work> = unchanged(cx).into_iter().collect();
    work.push(Work::Sql(only(cx.table, index, name)));
    let name = format!("create index {name} without its partitions");
    Some(Action::new(step, name, Kind::Ddl, "SHARE", work))
}

/// The partitions' indexes that are not attached yet. `old`: what they are copies of.
pub(super) fn parts(
    cx: &Context<'_>,
    step: Step,
    (old, index): (&Index, &Index),
    name: &str,
) -> Vec<Action> {
    let found = cx.table.index(name);
    let is_attached = |one: &&Partition| {
        found.is_some_and(|found| found.parts.iter().any(|part| part.of == one.id))
    };
    let mut out = Vec::new();
    for one in partitions(cx.table).iter().filter(|one| !is_attached(one)) {
        let part = part_name(cx, old, one);
        let built = one.loose.iter().find(|(loose, _)| *loose == part);
        if !built.is_some_and(|(_, valid)| *valid) {
            let mut work = Vec::new();
            if built.is_some() {
                work.push(Work::Sql(Postgres.drop_index(cx.table, &part, true)));
            }
            let on = as_table(cx.table, one);
            work.push(Work::Sql(indexes::create(&on, index, &part, true)));
            let mut build = Action::new(
                step,
                format!("create index {part}"),
                Kind::Outside,
                Postgres.index_lock(),
                work,
            );
            build.part = Some(one.size);
            out.push(build);
        }
        out.push(Action::new(
            step,
            format!("attach index {part}"),
            Kind::Ddl,
            "SHARE UPDATE EXCLUSIVE",
            vec![
                Work::Partitions {
                    ids: vec![one.id.clone()],
                    all: false,
                },
                Work::Sql(attach(cx.table, name, &part)),
            ],
        ));
    }
    out
}

/// The partitions' indexes take the names of those that are gone.
pub(super) fn take_names(cx: &Context<'_>, old: &Index) -> Vec<Work> {
    let copy = cx.table.index(&cx.rules.copy_name(&old.name, false));
    let mut out = Vec::new();
    for one in partitions(cx.table) {
        let of = |index: &Index| index.parts.iter().find(|part| part.of == one.id).cloned();
        let Some(gone) = of(old) else { continue };
        let there = copy.and_then(of).map(|part| part.name);
        out.push(Work::Sql(format!(
            "ALTER INDEX {}{} RENAME TO {}",
            schema(cx.table),
            quote(&there.unwrap_or_else(|| part_name(cx, old, one))),
            quote(&gone.name)
        )));
    }
    out
}

/// The new column's statistics target on each partition: that of the old one. Where it is set on the table, it is set on all
/// partitions that there are.
pub(super) fn targets(cx: &Context<'_>, change: &Active) -> Vec<String> {
    let of = |one: &Partition, column: &str| {
        let mut targets = one.targets.iter();
        let found = targets.find(|(name, _)| name == column);
        found.map_or("-1", |(_, target)| target.as_str()).to_owned()
    };
    let old = cx.table.column(change.from);
    let on_table = old.is_some_and(|old| {
        let mut extras = old.extras.iter();
        extras.any(|extra| extra.kind == ExtraKind::Target)
    });
    let mut out = Vec::new();
    for one in partitions(cx.table) {
        let (wanted, found) = (of(one, change.from), of(one, change.to));
        if on_table || wanted != found {
            out.push(format!(
                "ALTER TABLE ONLY {} ALTER COLUMN {} SET STATISTICS {wanted}",
                one.name.quoted(cx.table.dialect),
                quote(change.to)
            ));
        }
    }
    out
}

/// On a table without rows, under the names that are to stay.
pub(super) fn on_empty(cx: &Context<'_>, old: &Index, index: &Index) -> Vec<Work> {
    let mut out = vec![Work::Sql(only(cx.table, index, &old.name))];
    for one in partitions(cx.table) {
        let part = old.parts.iter().find(|part| part.of == one.id);
        let name = match part {
            Some(part) => part.name.clone(),
            None => part_name(cx, old, one),
        };
        let on = as_table(cx.table, one);
        out.push(Work::Sql(indexes::create(&on, index, &name, false)));
        out.push(Work::Sql(attach(cx.table, &old.name, &name)));
    }
    out
}

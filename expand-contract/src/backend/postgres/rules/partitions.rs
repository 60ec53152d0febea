//! Indexes of a partitioned table, which cannot be built concurrently as a whole: the table's own, without rows and not valid
//! yet, then one per partition, each attached. The last one makes the table's valid (manual, *CREATE INDEX*).
//!
//! From the moment the table has its own, the server sees to partitions that come to it. So partitions that are partitioned
//! themselves get theirs in the same transaction, and only those with rows have anything to build.

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

/// What a partition is one of, if not the table.
fn above<'t>(table: &'t Table, one: &Partition) -> Option<&'t Partition> {
    let id = one.parent.as_ref()?;
    partitions(table).iter().find(|other| other.id == *id)
}

/// Those that are partitioned themselves, each behind what it is one of.
fn branches(table: &Table) -> Vec<&Partition> {
    let (mut out, mut level) = (Vec::new(), vec![None]);
    while !level.is_empty() {
        let below = partitions(table).iter().filter(|one| one.partitioned);
        let below: Vec<&Partition> = below
            .filter(|one| level.contains(&one.parent.as_ref()))
            .collect();
        level = below.iter().map(|one| Some(&one.id)).collect();
        out.extend(below);
    }
    out
}

/// The statements that create the table's own index, and those of partitions that are partitioned, under these names.
fn without_rows(
    table: &Table,
    index: &Index,
    name: &str,
    name_of: &dyn Fn(&Partition) -> String,
) -> Vec<Work> {
    let mut out = vec![Work::Sql(only(table, index, name))];
    for one in branches(table) {
        let part = name_of(one);
        let above = above(table, one).map_or_else(|| name.to_owned(), name_of);
        out.push(Work::Sql(only(&as_table(table, one), index, &part)));
        out.push(Work::Sql(attach(table, &above, &part)));
    }
    out
}

/// The table's own index, unless it is there.
pub(super) fn parent(
    cx: &Context<'_>,
    step: Step,
    (old, index): (&Index, &Index),
    name: &str,
) -> Option<Action> {
    if cx.table.index(name).is_some() {
        return None;
    }
    let mut work: Vec<Work> = unchanged(cx).into_iter().collect();
    work.extend(without_rows(cx.table, index, name, &|one| {
        part_name(cx, old, one)
    }));
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
    // one that came later has it from the server, under a name of the server's
    let there = |one: &Partition| {
        let mut parts = found.iter().flat_map(|found| &found.parts);
        parts.find(|part| part.of == one.id).map(|part| &part.name)
    };
    let mut out = Vec::new();
    let missing = partitions(cx.table)
        .iter()
        .filter(|one| !one.partitioned && there(one).is_none());
    for one in missing {
        let part = part_name(cx, old, one);
        let to = match above(cx.table, one) {
            Some(above) => there(above).map_or_else(|| part_name(cx, old, above), Clone::clone),
            None => name.to_owned(),
        };
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
                Work::Sql(attach(cx.table, &to, &part)),
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
    let name_of = |one: &Partition| {
        let part = old.parts.iter().find(|part| part.of == one.id);
        part.map_or_else(|| part_name(cx, old, one), |part| part.name.clone())
    };
    let mut out = without_rows(cx.table, index, &old.name, &name_of);
    for one in partitions(cx.table).iter().filter(|one| !one.partitioned) {
        let name = name_of(one);
        let to = above(cx.table, one).map_or_else(|| old.name.clone(), name_of);
        let on = as_table(cx.table, one);
        out.push(Work::Sql(indexes::create(&on, index, &name, false)));
        out.push(Work::Sql(attach(cx.table, &to, &name)));
    }
    out
}

//! The partitions of a table, and their columns.

use super::quote;
use crate::catalogue::{ExtraKind, Partition, Table};
use crate::plan::{Active, Context, Work};

pub(crate) fn partitions(table: &Table) -> &[Partition] {
    table.partitions.as_deref().unwrap_or_default()
}

pub(crate) fn as_table(table: &Table, partition: &Partition) -> Table {
    Table {
        name: partition.name.clone(),
        id: partition.id.clone(),
        ..table.clone()
    }
}

/// What a partition is one of, if not the table.
pub(crate) fn above<'t>(table: &'t Table, one: &Partition) -> Option<&'t Partition> {
    let id = one.parent.as_ref()?;
    partitions(table).iter().find(|other| other.id == *id)
}

/// Those that are partitioned themselves, each behind what it is one of.
pub(crate) fn branches(table: &Table) -> Vec<&Partition> {
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

/// Those that hold rows.
pub(crate) fn leaves(table: &Table) -> impl Iterator<Item = &Partition> {
    partitions(table).iter().filter(|one| !one.partitioned)
}

/// The transaction holds for these partitions and no others.
pub(crate) fn unchanged(cx: &Context<'_>) -> Option<Work> {
    let partitions = cx.table.partitions.as_ref()?;
    Some(Work::Partitions {
        ids: partitions.iter().map(|one| one.id.clone()).collect(),
        all: true,
    })
}

/// The new column's statistics target on each partition: that of the old one. Where it is set on the table, it is set on all
/// partitions that there are.
pub(crate) fn targets(cx: &Context<'_>, change: &Active) -> Vec<String> {
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

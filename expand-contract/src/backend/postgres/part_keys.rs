//! Foreign keys out of a partitioned table.
//!
//! Before version 18 such a table takes none that is NOT VALID, and one that is valid would be checked row by row while
//! writers wait. But of partitions that have the same one, checked before, the server makes it a part and looks at no row
//! (`tryAttachPartitionForeignKey` in its `tablecmds.c`). So each partition gets its own, then each is validated, and the
//! table's comes last.

use super::foreign_keys::{add_sql, comment_sql, copy_name, others, rename_sql};
use super::quote;
use super::rules::partitions::{leaves, partitions, unchanged};
use crate::catalogue::{ForeignKey, Partition};
use crate::definition::Dialect;
use crate::phase::Step;
use crate::plan::cost::Size;
use crate::plan::{Action, Context, Kind, Work};

/// Whether the key is one of these.
pub(super) fn is_of_parts(cx: &Context<'_>, key: &ForeignKey) -> bool {
    cx.table.partitions.is_some() && key.from.id == cx.table.id
}

/// As the partition has it.
fn on(partition: &Partition, key: &ForeignKey) -> ForeignKey {
    let mut out = key.clone();
    out.from.table = partition.name.clone();
    out.from.id.clone_from(&partition.id);
    out
}

/// The actions that give a key its copy, which is `copy`: what is left of them.
pub(super) fn copied(
    cx: &Context<'_>,
    step: Step,
    (key, copy): (&ForeignKey, &ForeignKey),
    (title, target): (&str, &str),
) -> Vec<Action> {
    let name = copy_name(&key.name);
    let known = &cx.table.foreign_keys;
    if known
        .iter()
        .any(|known| known.name == name && known.from.id == key.from.id)
    {
        return Vec::new();
    }
    let is_valid = |one: &Partition| {
        let found = one.keys.iter().find(|found| found.name == name);
        found.map(|found| found.validated)
    };
    let same = || unchanged(cx).into_iter();
    let action = |what: String, lock, work: Vec<Work>| {
        let name = format!("foreign key {title} on {target}, {what}");
        let mut action = Action::new(step, name, Kind::Ddl, lock, work);
        action.others = others(cx, key);
        action
    };
    let mut actions = Vec::new();
    let missing: Vec<Work> = leaves(cx.table)
        .filter(|one| is_valid(one).is_none())
        .map(|one| Work::Sql(add_sql(&on(one, copy), &name, false)))
        .collect();
    if !missing.is_empty() {
        let work = same().chain(missing).collect();
        let what = "for what is written".to_owned();
        actions.push(action(what, "SHARE ROW EXCLUSIVE", work));
    }
    for one in leaves(cx.table).filter(|one| is_valid(one) != Some(true)) {
        let validate = format!(
            "ALTER TABLE {} VALIDATE CONSTRAINT {}",
            one.name.quoted(Dialect::Postgres),
            quote(&name)
        );
        let this = Work::Partitions {
            ids: vec![one.id.clone()],
            all: false,
        };
        // the plans of the runner's transactions are for batches, and this reads everything
        let plans = Work::Sql(super::foreign_keys::PLANS.to_owned());
        let work = vec![this, plans, Work::Sql(validate)];
        let what = format!("for all rows of {}", one.name);
        let mut validate = action(what, "SHARE UPDATE EXCLUSIVE", work);
        validate.part = Some(one.size);
        actions.push(validate);
    }
    let mut work: Vec<Work> = same().collect();
    work.push(Work::Sql(add_sql(copy, &name, true)));
    work.extend(comment_sql(key, &name).map(Work::Sql));
    let what = "of all partitions".to_owned();
    let mut last = action(what, "SHARE ROW EXCLUSIVE", work);
    // the statement alone would say that it checks all of them
    last.part = Some(Size {
        rows: Some(0),
        bytes: Some(0),
    });
    actions.push(last);
    actions
}

/// The name of a partition's part of the key.
fn part<'k>(partition: &'k Partition, key: &'k ForeignKey) -> &'k str {
    let mut parts = partition.keys.iter();
    let part = parts.find(|part| part.of.as_deref() == Some(key.name.as_str()));
    part.map_or(key.name.as_str(), |part| part.name.as_str())
}

fn rename(one: &Partition, key: &ForeignKey, from: &str, to: &str) -> Option<Work> {
    (from != to).then(|| Work::Sql(rename_sql(&on(one, key), from, to)))
}

/// The copy's parts take the names of the key's, which is gone.
pub(super) fn take_names(cx: &Context<'_>, key: &ForeignKey) -> Vec<Work> {
    let copy = copy_name(&key.name);
    let parts = partitions(cx.table).iter();
    parts
        .filter_map(|one| rename(one, key, &copy, part(one, key)))
        .collect()
}

/// The parts of the two exchange their names.
pub(super) fn exchange_names(cx: &Context<'_>, key: &ForeignKey, spare: &str) -> Vec<Work> {
    let copy = copy_name(&key.name);
    let mut out = Vec::new();
    for one in partitions(cx.table) {
        let part = part(one, key);
        for (from, to) in [(part, spare), (&copy, part), (spare, &copy)] {
            out.extend(rename(one, key, from, to));
        }
    }
    out
}

/// The parts of one that was made anew take the names of those that were.
pub(super) fn keep_names(cx: &Context<'_>, key: &ForeignKey) -> Vec<Work> {
    let parts = partitions(cx.table).iter();
    parts
        .filter_map(|one| rename(one, key, &key.name, part(one, key)))
        .collect()
}

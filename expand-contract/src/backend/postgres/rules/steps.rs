//! The steps in which PostgreSQL differs from others.

use super::part_indexes::Wanted;
use super::{extras, indexes, not_null, partitions, quote, requirements, statistics, Postgres};
use crate::backend::postgres::{foreign_keys, identity, primary_key};
use crate::backend::rules::Rules;
use crate::catalogue::Index;
use crate::error::Error;
use crate::phase::{Phase, Step};
use crate::plan::actions::sql;
use crate::plan::{Action, Context, SavedIndex, Work};

pub(super) fn retire(rules: &Postgres, cx: &Context<'_>) -> Result<Vec<Action>, Error> {
    let step = Step::Retire;
    if cx.stage.phase == Phase::Retired {
        return Ok(settle_keys(cx, step));
    }
    let (table, mut actions, mut work) = (cx.table.sql(), cx.late_copies(step), cx.intact(false)?);
    let mut identity = Vec::new();
    let built = actions.len();
    let mut expressions = false;
    for index in cx.carried_indexes().filter(|index| index.unique) {
        let name = rules.copy_name(&index.name, true);
        let on_new = cx.index_on_new(index);
        let create = unique(cx, step, (index, &on_new), &name);
        expressions |= !create.is_empty() && index.keys.iter().any(|key| key.expression.is_some());
        actions.extend(create);
        work.push(Work::Sql(rules.drop_index(
            cx.table,
            &rules.copy_name(&index.name, false),
            false,
        )));
        // the primary key follows when old's is not needed any more
        let found = cx.table.index(&name);
        let attached = index.primary || found.is_some_and(|found| found.constraint.is_some());
        if let (Some(constraint), false) = (&index.constraint, attached) {
            match cx.table.partitions {
                Some(_) => work.extend(Wanted::copy(cx, (index, &on_new), &name).constraint()),
                None => work.push(indexes::attach(cx.table, &name, constraint)),
            }
        }
        if index.replica_identity {
            identity.push(indexes::replica_identity(cx.table, &name));
        }
    }
    if expressions && actions.len() > built {
        // the plain copies, which ANALYZE has seen, are about to go
        let targets = cx.copy_statistics(step);
        actions.extend(targets);
        actions.push(cx.analyze(step));
    }
    actions.extend(foreign_keys::outbound(cx, step));
    actions.extend(foreign_keys::inbound(cx, step));
    let (before, required) = requirements::of_new(cx, step);
    actions.extend(before);
    work.extend(required);
    // between the two columns' NOT NULL, which it asks for
    work.extend(sql(identity));
    for change in cx.changes {
        if let Some(default) = rules.default_of_new(cx, change) {
            let (old, new) = (quote(change.from), quote(change.to));
            work.push(Work::Sql(format!(
                "ALTER TABLE {table} ALTER COLUMN {new} SET DEFAULT {default}"
            )));
            work.push(Work::Sql(format!(
                "ALTER TABLE {table} ALTER COLUMN {old} DROP DEFAULT"
            )));
        }
        work.extend(identity::to_new(cx, change));
    }
    let (replaced, others) = foreign_keys::outbound_replaced(cx);
    work.extend(replaced);
    work.extend(requirements::free_old(cx));
    work.extend(sql(rules.mirror_retired(cx)?));
    actions.push(cx.late_statements(step));
    let mut publish = cx.publish(step, Phase::Retired, work);
    publish.others = others;
    publish.others.extend(identity::locked(cx));
    actions.push(publish);
    actions.push(cx.barrier(step, Phase::Retired)?);
    actions.extend(settle_keys(cx, step));
    Ok(actions)
}

/// The actions that build a unique copy, as far as it is not there.
fn unique(cx: &Context<'_>, step: Step, (old, index): (&Index, &Index), name: &str) -> Vec<Action> {
    match cx.table.partitions {
        // the primary key's copy is no key yet
        Some(_) => {
            let constraint = index.constraint.is_some() && !index.primary;
            Wanted::copy(cx, (old, index), name).unique(step, constraint)
        }
        None => cx.create_index(step, index, name).into_iter().collect(),
    }
}

/// A unique constraint that was dropped, of the index that was built for it.
fn put_back(cx: &Context<'_>, saved: &SavedIndex, constraint: &str) -> Result<Vec<Work>, Error> {
    if cx.table.partitions.is_none() {
        return Ok(vec![indexes::attach(cx.table, &saved.name, constraint)]);
    }
    // its columns are those of the copy, which stays until then
    let copy = cx.table.index(&saved.copy);
    let copy = copy.ok_or_else(|| Error::Unexpected {
        what: format!("the unique constraint {}, which is not there", saved.copy),
    })?;
    let old = cx.index_on_old(copy);
    Ok(Wanted::restored(cx, &old, &saved.name).constraint())
}

// What depends on old's unique indexes, and these: behind the barrier, when no code writes old any more.
fn settle_keys(cx: &Context<'_>, step: Step) -> Vec<Action> {
    let mut actions = foreign_keys::inbound_replaced(cx, step);
    actions.extend(primary_key::replaced(cx, step));
    actions.extend(indexes::drop_old_unique(cx, step));
    actions
}

pub(super) fn contract(rules: &Postgres, cx: &Context<'_>) -> Result<Vec<Action>, Error> {
    let step = Step::Contract;
    let mut actions = cx.late_copies(step);
    for index in cx.carried_indexes().filter(|index| index.unique) {
        let name = rules.copy_name(&index.name, true);
        actions.extend(unique(cx, step, (index, &cx.index_on_new(index)), &name));
    }
    actions.extend(foreign_keys::outbound(cx, step));
    actions.extend(foreign_keys::inbound(cx, step));
    actions.extend(settle_keys(cx, step));
    let mut work: Vec<Work> = partitions::unchanged(cx).into_iter().collect();
    work.extend(cx.intact(true)?);
    let (replaced, others) = foreign_keys::outbound_replaced(cx);
    work.extend(replaced);
    work.extend(sql(rules.drop_mirror(cx)));
    work.extend(sql(extras::late(cx)?));
    let (drops, renames) = indexes::take_names(cx);
    let (old_statistics, statistics) = statistics::take_names(cx);
    work.extend(drops);
    work.extend(sql(old_statistics));
    for change in cx.changes {
        work.push(Work::Sql(rules.drop_column(cx.table, change.from)));
    }
    work.extend(sql(rules.drop_mirror_functions(cx)));
    work.extend(sql(requirements::take_names(cx)));
    work.extend(renames);
    work.extend(sql(statistics));
    work.push(Work::ForgetSaved);
    let mut publish = cx.publish_stage(step, cx.contracted(), false, work);
    publish.name = "drop the old columns and publish".to_owned();
    publish.others = others;
    actions.push(publish);
    actions.push(cx.barrier(step, Phase::Contracted)?);
    Ok(actions)
}

pub(super) fn restore_old(rules: &Postgres, cx: &Context<'_>) -> Result<Vec<Action>, Error> {
    let step = Step::Rollback;
    let table = cx.table.sql();
    let (mut actions, mut work) = requirements::of_old(cx, step);
    let (replaced, others) = foreign_keys::restored_replaced(cx);
    work.extend(replaced);
    work.extend(primary_key::restored_replaced(cx));
    work.extend(sql(primary_key::drop_built(cx)));
    for change in cx.changes {
        work.extend(identity::restored(cx, change));
    }
    let mut drops = Vec::new();
    for saved in cx.saved {
        if let Some(constraint) = &saved.constraint {
            work.extend(put_back(cx, saved, constraint)?);
        }
        if !saved.extras.is_empty() {
            work.push(Work::Sql(saved.extras.clone()));
        }
        if saved.copy.is_empty() {
            continue;
        }
        drops.push(Work::Sql(match saved.constraint {
            Some(_) => format!(
                "ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {}",
                quote(&saved.copy)
            ),
            None => rules.drop_index(cx.table, &saved.copy, false),
        }));
    }
    // a kill before old's unique indexes were dropped leaves unique copies that nothing was saved for
    for index in cx.old_indexes().filter(|index| index.unique) {
        let copy = rules.copy_name(&index.name, true);
        let saved = cx.saved.iter().any(|saved| saved.name == index.name);
        if let (Some(found), false) = (cx.table.index(&copy), saved) {
            if found.replica_identity {
                work.push(Work::Sql(indexes::replica_identity(cx.table, &index.name)));
            }
            drops.push(indexes::drop(cx.table, found));
        }
    }
    work.extend(sql(requirements::drop_of_new(cx)));
    work.extend(drops);
    work.push(Work::ForgetSaved);
    work.extend(cx.refuse_one_sided()?);
    let mut publish = cx.publish_stage(step, cx.at(Phase::Switched), false, work);
    publish.name = "complete the old columns".to_owned();
    publish.others = others;
    publish.others.extend(identity::locked(cx));
    actions.push(publish);
    Ok(actions)
}

pub(super) fn on_empty(rules: &Postgres, cx: &Context<'_>) -> Result<Vec<Work>, Error> {
    // final types and names: an empty table needs no intermediate column
    let changes = cx.last_names();
    let cx = &Context {
        changes: &changes,
        ..*cx
    };
    let table = cx.table.sql();
    let (mut work, keys) = foreign_keys::on_empty(cx);
    work.insert(0, Work::Freeze);
    work.extend(partitions::unchanged(cx));
    let mut build = Vec::new();
    for index in cx.old_indexes() {
        work.push(indexes::drop(cx.table, index));
        if cx.is_left(&index.name) {
            continue;
        }
        let on_new = cx.index_on_new(index);
        if cx.table.partitions.is_some() {
            build.extend(Wanted::instead(cx, index, &on_new).on_empty());
            build.extend(sql(indexes::extras(cx, index)));
            continue;
        }
        let create = rules.create_index(cx.table, &on_new, &index.name, false);
        build.push(Work::Sql(create));
        if index.constraint.is_some() {
            build.push(indexes::add(cx.table, index, &index.name, &index.name));
        }
        build.extend(sql(indexes::extras(cx, index)));
    }
    let (gone, checks) = requirements::on_empty(cx);
    work.extend(sql(gone));
    let (gone, statistics) = statistics::on_empty(cx);
    work.extend(sql(gone));
    for change in cx.changes {
        let (before, after) = identity::on_empty(cx, change);
        work.extend(before);
        let old = Work::Sql(rules.drop_column(cx.table, change.from));
        let same = change.from == change.to;
        if same {
            work.push(old.clone());
        }
        work.extend(sql(rules.add_column(cx, change)?));
        if !same {
            work.push(old);
        }
        let column = quote(change.to);
        if let Some(default) = rules.default_of_new(cx, change) {
            work.push(Work::Sql(format!(
                "ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {default}"
            )));
        }
        if change.frozen.not_null {
            work.extend(sql(not_null::on_empty(cx, change)));
        }
        work.extend(after);
    }
    work.extend(sql(checks));
    work.extend(build);
    work.extend(keys);
    work.extend(sql(statistics));
    Ok(work)
}

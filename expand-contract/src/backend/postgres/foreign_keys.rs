//! Foreign keys out of the old columns and into them, carried to the new ones.
//!
//! Each is added NOT VALID, which keeps writers of both tables out for a moment, and validated, which keeps out nobody
//! (manual, *ALTER TABLE*, "Notes"). Until the old one goes, the copy has a name of its own.
//!
//! One that leaves the table is added when the new column is full. From then on both are checked, and a referential action
//! of one finds the row already changed by the other's, through the triggers. The old one goes in the transaction that
//! publishes `Retired`: there the default moves too, which `SET DEFAULT` needs. One that enters the table needs a unique
//! index on the new column, so it comes with `retire`; the old one goes behind the barrier, before the old index does.

use super::rules::Postgres;
use super::{part_keys, quote};
use crate::backend::rules::Rules;
use crate::catalogue::{End, ForeignKey};
use crate::definition::{Conversion, Dialect};
use crate::notice::{Notice, NoticeKind};
use crate::phase::Step;
use crate::plan::{Action, Context, Kind, Other, Work};

/// The plans of the runner's transactions are for batches, and a validation reads everything.
pub(super) const PLANS: &str =
    "SET LOCAL enable_seqscan = on; SET LOCAL enable_bitmapscan = on; SET LOCAL enable_sort = on";

/// Which way a foreign key goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Out,
    In,
}

/// From which columns to which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    New,
    Old,
}

pub(super) fn copy_name(name: &str) -> String {
    Postgres.copy_name(name, false)
}

// `In` wins where both sides migrate: that one needs the unique index too
fn way(cx: &Context<'_>, key: &ForeignKey, to: To) -> Option<Way> {
    let mut source = cx.changes.iter().map(|change| match to {
        To::New => change.from,
        To::Old => change.to,
    });
    if source.clone().any(|column| key.enters(cx.table, column)) {
        Some(Way::In)
    } else {
        source
            .any(|column| key.leaves(cx.table, column))
            .then_some(Way::Out)
    }
}

fn keys<'c>(cx: &'c Context<'_>, to: To, wanted: Way) -> impl Iterator<Item = &'c ForeignKey> {
    let keys = cx.table.foreign_keys.iter();
    keys.filter(move |key| way(cx, key, to) == Some(wanted))
}

/// The key with the other columns in the places of those that migrate.
fn moved(cx: &Context<'_>, key: &ForeignKey, to: To) -> ForeignKey {
    let mut out = key.clone();
    let substitute = |names: &mut Vec<String>| {
        for change in cx.changes {
            let (before, after) = match to {
                To::New => (change.from, change.to),
                To::Old => (change.to, change.from),
            };
            for name in names.iter_mut().filter(|name| *name == before) {
                *name = after.to_owned();
            }
        }
    };
    if key.from.id == cx.table.id {
        substitute(&mut out.from.columns);
        substitute(&mut out.set);
    }
    if key.to.id == cx.table.id {
        substitute(&mut out.to.columns);
    }
    out
}

fn table(end: &End) -> String {
    end.table.quoted(Dialect::Postgres)
}

pub(super) fn add_sql(key: &ForeignKey, name: &str, valid: bool) -> String {
    let mut sql = format!(
        "ALTER TABLE {} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}){}",
        table(&key.from),
        quote(name),
        key.from.columns_sql(Dialect::Postgres),
        table(&key.to),
        key.to.columns_sql(Dialect::Postgres),
        key.actions
    );
    if !key.set.is_empty() {
        let names: Vec<String> = key.set.iter().map(|name| quote(name)).collect();
        sql.push_str(&format!(" ({})", names.join(", ")));
    }
    sql.push_str(&key.deferrable);
    if !valid {
        sql.push_str(" NOT VALID");
    }
    sql
}

pub(super) fn comment_sql(key: &ForeignKey, name: &str) -> Option<String> {
    let comment = key.comment.as_ref()?;
    Some(format!(
        "COMMENT ON CONSTRAINT {} ON {} IS {}",
        quote(name),
        table(&key.from),
        Postgres.literal(comment)
    ))
}

fn drop_sql(key: &ForeignKey, name: &str) -> String {
    format!(
        "ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}",
        table(&key.from),
        quote(name)
    )
}

pub(super) fn rename_sql(key: &ForeignKey, from: &str, to: &str) -> String {
    format!(
        "ALTER TABLE {} RENAME CONSTRAINT {} TO {}",
        table(&key.from),
        quote(from),
        quote(to)
    )
}

// the tables on either side that are not the migration's
pub(super) fn others(cx: &Context<'_>, key: &ForeignKey) -> Vec<Other> {
    let ends = [&key.from, &key.to].into_iter();
    ends.filter(|end| end.id != cx.table.id)
        .map(|end| Other {
            is_table: true,
            id: end.id.clone(),
            sql: table(end),
        })
        .collect()
}

fn title(cx: &Context<'_>, key: &ForeignKey) -> String {
    if key.from.id == cx.table.id {
        key.name.clone()
    } else {
        format!("{} of {}", key.name, key.from.table)
    }
}

/// The actions that give a key its copy: what is left of them.
fn copied(cx: &Context<'_>, step: Step, key: &ForeignKey, to: To) -> Vec<Action> {
    let name = copy_name(&key.name);
    let found = cx
        .table
        .foreign_keys
        .iter()
        .find(|found| found.name == name && found.from.id == key.from.id);
    let target = match to {
        To::New => "the new column",
        To::Old => "the old column",
    };
    let title = title(cx, key);
    if part_keys::is_of_parts(cx, key) {
        return part_keys::copied(cx, step, (key, &moved(cx, key, to)), (&title, target));
    }
    let mut actions = Vec::new();
    if found.is_none() {
        let on_other = moved(cx, key, to);
        let mut work = vec![Work::Sql(add_sql(&on_other, &name, false))];
        work.extend(comment_sql(key, &name).map(Work::Sql));
        let mut add = Action::new(
            step,
            format!("foreign key {title} on {target}, for what is written"),
            Kind::Ddl,
            "SHARE ROW EXCLUSIVE",
            work,
        );
        add.others = others(cx, key);
        actions.push(add);
    }
    if key.validated && !found.is_some_and(|found| found.validated) {
        let validate = format!(
            "ALTER TABLE {} VALIDATE CONSTRAINT {}",
            table(&key.from),
            quote(&name)
        );
        let lock = match key.from.id == cx.table.id {
            true => "SHARE UPDATE EXCLUSIVE",
            false => "ROW SHARE",
        };
        let mut validate = Action::new(
            step,
            format!("foreign key {title} on {target}, for all rows"),
            Kind::Ddl,
            lock,
            vec![Work::Sql(PLANS.to_owned()), Work::Sql(validate)],
        );
        validate.others = others(cx, key);
        actions.push(validate);
    }
    actions
}

// The copy takes the place and the name of the key.
fn replaced(cx: &Context<'_>, key: &ForeignKey) -> Vec<Work> {
    let mut out = vec![
        Work::Sql(drop_sql(key, &key.name)),
        Work::Sql(rename_sql(key, &copy_name(&key.name), &key.name)),
    ];
    if part_keys::is_of_parts(cx, key) {
        out.extend(part_keys::take_names(cx, key));
    }
    out
}

/// Once the new columns are full: the keys that leave them.
pub(super) fn outbound(cx: &Context<'_>, step: Step) -> Vec<Action> {
    keys(cx, To::New, Way::Out)
        .flat_map(|key| copied(cx, step, key, To::New))
        .collect()
}

/// Once there are unique indexes on the new columns: the keys that enter them.
pub(super) fn inbound(cx: &Context<'_>, step: Step) -> Vec<Action> {
    keys(cx, To::New, Way::In)
        .flat_map(|key| copied(cx, step, key, To::New))
        .collect()
}

/// In the transaction that publishes `Retired`, or drops the old columns: those that leave the old ones go.
pub(super) fn outbound_replaced(cx: &Context<'_>) -> (Vec<Work>, Vec<Other>) {
    let (mut work, mut tables) = (Vec::new(), Vec::new());
    for key in keys(cx, To::New, Way::Out) {
        work.extend(replaced(cx, key));
        tables.extend(others(cx, key));
    }
    (work, tables)
}

/// Behind the barrier of `Retired`: those that enter the old columns go, before what they depend on.
pub(super) fn inbound_replaced(cx: &Context<'_>, step: Step) -> Vec<Action> {
    let one = |key| {
        let name = format!("foreign key {} refers to the new column", title(cx, key));
        let work = replaced(cx, key);
        let mut action = Action::new(step, name, Kind::Ddl, "ACCESS EXCLUSIVE", work);
        action.others = others(cx, key);
        action
    };
    keys(cx, To::New, Way::In).map(one).collect()
}

/// Before the new columns are dropped: the keys on them.
pub(super) fn dropped(cx: &Context<'_>) -> (Vec<Work>, Vec<Other>) {
    let (mut work, mut tables) = (Vec::new(), Vec::new());
    let copies = cx
        .table
        .foreign_keys
        .iter()
        .filter(|key| way(cx, key, To::Old).is_some() && way(cx, key, To::New).is_none());
    for key in copies {
        work.push(Work::Sql(drop_sql(key, &key.name)));
        tables.extend(others(cx, key));
    }
    (work, tables)
}

/// Before the unique indexes of the new columns are dropped: the keys that enter these.
pub(super) fn freed(cx: &Context<'_>) -> (Vec<Work>, Vec<Other>) {
    let (mut work, mut tables) = (Vec::new(), Vec::new());
    for key in keys(cx, To::Old, Way::In).filter(|key| way(cx, key, To::New).is_none()) {
        work.push(Work::Sql(drop_sql(key, &key.name)));
        tables.extend(others(cx, key));
    }
    (work, tables)
}

/// The old columns are complete again and have their unique indexes: they get the keys back.
pub(super) fn restored(cx: &Context<'_>, step: Step) -> Vec<Action> {
    let copy = |key: &&ForeignKey| {
        // a run of `retire` that did not get to publish left these
        let copies = &cx.table.foreign_keys;
        !copies
            .iter()
            .any(|other| key.name == copy_name(&other.name) && other.from.id == key.from.id)
    };
    cx.table
        .foreign_keys
        .iter()
        .filter(|key| way(cx, key, To::Old).is_some() && way(cx, key, To::New).is_none())
        .filter(copy)
        .flat_map(|key| copied(cx, step, key, To::Old))
        .collect()
}

/// In the transaction that completes the old columns: those that leave keep both, those that enter lose the new one.
pub(super) fn restored_replaced(cx: &Context<'_>) -> (Vec<Work>, Vec<Other>) {
    let (mut work, mut tables) = (Vec::new(), Vec::new());
    let all = &cx.table.foreign_keys;
    for key in all {
        let Some(way) = way(cx, key, To::Old) else {
            continue;
        };
        let of_old = |other: &&ForeignKey| {
            key.name == copy_name(&other.name)
                && other.from.id == key.from.id
                && self::way(cx, other, To::New).is_some()
        };
        tables.extend(others(cx, key));
        let copy = copy_name(&key.name);
        match way {
            // made by a `retire` that did not finish; the old one is in place
            _ if all.iter().any(|other| of_old(&other)) => {
                if way == Way::In {
                    work.push(Work::Sql(drop_sql(key, &key.name)));
                }
            }
            Way::In => work.extend(replaced(cx, key)),
            Way::Out => {
                let spare = Postgres.copy_name(&key.name, true);
                for (from, to) in [(&key.name, &spare), (&copy, &key.name), (&spare, &copy)] {
                    work.push(Work::Sql(rename_sql(key, from, to)));
                }
                if part_keys::is_of_parts(cx, key) {
                    work.extend(part_keys::exchange_names(cx, key, &spare));
                }
            }
        }
    }
    (work, tables)
}

/// An empty table: all keys go, and come back on the columns as they are to be.
pub(super) fn on_empty(cx: &Context<'_>) -> (Vec<Work>, Vec<Work>) {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for key in &cx.table.foreign_keys {
        if way(cx, key, To::New).is_some() {
            let last = moved(cx, key, To::New);
            before.push(Work::Sql(drop_sql(key, &key.name)));
            after.push(Work::Sql(add_sql(&last, &key.name, key.validated)));
            after.extend(comment_sql(key, &key.name).map(Work::Sql));
            if part_keys::is_of_parts(cx, key) {
                after.extend(part_keys::keep_names(cx, key));
            }
        }
    }
    (before, after)
}

/// The referencing columns that keep a narrower type: they are no part of the migration.
pub(super) fn notices(cx: &Context<'_>) -> Vec<Notice> {
    let mut out = Vec::new();
    for change in cx.changes {
        if change.conversion == Conversion::Identity {
            continue;
        }
        let Ok(new_type) = cx.new_type(change) else {
            continue;
        };
        for key in &cx.table.foreign_keys {
            let pairs = key.to.columns.iter().zip(&key.from.columns);
            let mut pairs = pairs.zip(&key.from.types);
            let referencing = pairs.find(|((to, _), _)| *to == change.from);
            let Some(((_, column), type_sql)) = referencing.filter(|_| key.to.id == cx.table.id)
            else {
                continue;
            };
            let own = key.from.id == cx.table.id;
            let migrates = own && cx.changes.iter().any(|change| change.from == column);
            if migrates || *type_sql == new_type {
                continue;
            }
            let object = format!("column {}.{column}", key.from.table);
            let found = format!(
                "foreign key `{}`: it is {type_sql} and refers to `{}`, which becomes {new_type}",
                key.name, change.def.new
            );
            out.push(Notice::new(NoticeKind::Referencing, object, &found));
        }
    }
    out
}

/// The types of the referencing and of the referenced columns, pair by pair, when the changes are made.
pub(super) fn types(
    cx: &Context<'_>,
    key: &ForeignKey,
) -> Result<Vec<(String, String)>, crate::error::Error> {
    let of = |end: &End| -> Result<Vec<String>, crate::error::Error> {
        let columns = end.columns.iter().zip(&end.types);
        let one = |(name, found): (&String, &String)| {
            let change = cx.changes.iter().find(|change| change.from == name);
            match change.filter(|_| end.id == cx.table.id) {
                Some(change) => cx.new_type(change),
                None => Ok(found.clone()),
            }
        };
        columns.map(one).collect()
    };
    Ok(of(&key.from)?.into_iter().zip(of(&key.to)?).collect())
}

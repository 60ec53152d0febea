//! What is asked of every row: NOT NULL and CHECK constraints, without a scan under an exclusive lock.

use super::part_indexes::Wanted;
use super::{not_null, quote};
use crate::backend::postgres::primary_key;
use crate::catalogue::Check;
use crate::phase::Step;
use crate::plan::actions::sql;
use crate::plan::{Action, Context, Kind, SavedCheck, Work};

/// Two actions before the transaction that publishes, and what stands in it.
pub(super) type Required = (Vec<Action>, Vec<Work>);

/// New and changed rows are checked first, then all others, in one pass over the table.
struct Requirements {
    add: Vec<String>,
    validate: Vec<String>,
    last: Vec<String>,
}

impl Requirements {
    fn new() -> Self {
        Requirements {
            add: Vec::new(),
            validate: Vec::new(),
            last: Vec::new(),
        }
    }

    fn not_null(&mut self, cx: &Context<'_>, column: &str, other: &str) {
        if cx.table.column(column).is_some_and(|found| found.not_null) {
            return;
        }
        let (table, name) = (cx.table.sql(), cx.null_check(column));
        if cx.table.check(&name).is_none() {
            self.add.push(format!(
                "ALTER TABLE {table} ADD CONSTRAINT {} CHECK ({} IS NOT NULL) NOT VALID",
                quote(&name),
                quote(column)
            ));
        }
        self.validate(cx, &name);
        let required = not_null::required(cx, column, other, |name| copy_name(cx, name));
        self.last.extend(required);
        self.last.push(drop(cx, &name));
    }

    fn validate(&mut self, cx: &Context<'_>, name: &str) {
        if !cx.table.check(name).is_some_and(|check| check.validated) {
            self.validate.push(quote(name));
        }
    }

    fn done(self, cx: &Context<'_>, step: Step) -> Required {
        let mut actions = Vec::new();
        let mut action = |name: &str, lock, statements| {
            let work = sql(statements).collect();
            actions.push(Action::new(step, name, Kind::Ddl, lock, work));
        };
        if !self.add.is_empty() {
            action("check new rows from now on", "ACCESS EXCLUSIVE", self.add);
        }
        if !self.validate.is_empty() {
            let all: Vec<String> = self
                .validate
                .iter()
                .map(|name| format!("VALIDATE CONSTRAINT {name}"))
                .collect();
            let validate = format!("ALTER TABLE {} {}", cx.table.sql(), all.join(", "));
            action("check all rows", "SHARE UPDATE EXCLUSIVE", vec![validate]);
        }
        (actions, sql(self.last).collect())
    }
}

fn add(cx: &Context<'_>, check: &Check, name: &str, condition: &str) -> String {
    // one that is not enforced is not validated either
    let not_valid = match check.enforced {
        true => " NOT VALID",
        false => "",
    };
    format!(
        "ALTER TABLE {} ADD CONSTRAINT {} CHECK ({condition}){}{not_valid}",
        cx.table.sql(),
        quote(name),
        check.suffix
    )
}

fn comment(cx: &Context<'_>, check: &Check, name: &str) -> Option<String> {
    let comment = cx.rules.literal(check.comment.as_ref()?);
    Some(format!(
        "COMMENT ON CONSTRAINT {} ON {} IS {comment}",
        quote(name),
        cx.table.sql()
    ))
}

fn drop(cx: &Context<'_>, name: &str) -> String {
    format!(
        "ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}",
        cx.table.sql(),
        quote(name)
    )
}

fn copy_name(cx: &Context<'_>, name: &str) -> String {
    cx.rules.copy_name(name, false)
}

/// What the old columns require, of the new ones.
pub(super) fn of_new(cx: &Context<'_>, step: Step) -> Required {
    let mut required = Requirements::new();
    for change in cx.changes.iter().filter(|change| change.frozen.not_null) {
        required.not_null(cx, change.to, change.from);
    }
    for check in cx.old_checks().filter(|check| !cx.is_left(&check.name)) {
        let name = copy_name(cx, &check.name);
        if cx.table.check(&name).is_none() {
            let condition = cx.condition_on_new(check);
            required.add.push(add(cx, check, &name, &condition));
            required.add.extend(comment(cx, check, &name));
        }
        if check.validated && check.enforced {
            required.validate(cx, &name);
        }
    }
    required.done(cx, step)
}

/// Nothing is required of the old columns any more: nobody writes them. Those of a primary key follow with the key.
pub(super) fn free_old(cx: &Context<'_>) -> Vec<Work> {
    let mut out = Vec::new();
    let required = cx.changes.iter().filter(|change| change.frozen.not_null);
    for change in required.filter(|change| !primary_key::has(cx, change.from)) {
        let moved = not_null::moved(cx, change.from, change.to);
        out.extend(moved.into_iter().map(Work::Sql));
    }
    for check in cx.old_checks() {
        let mut restore = vec![
            drop(cx, &check.name),
            add(
                cx,
                check,
                &check.name,
                &check.condition.sql(cx.table.dialect),
            ),
        ];
        restore.extend(comment(cx, check, &check.name));
        out.push(Work::SaveCheck(SavedCheck {
            name: check.name.clone(),
            copy: match cx.is_left(&check.name) {
                true => String::new(),
                false => copy_name(cx, &check.name),
            },
            restore: restore.join(";\n"),
            validated: check.validated && check.enforced,
        }));
        out.push(Work::Sql(drop(cx, &check.name)));
    }
    out
}

/// The old columns get back what they required.
pub(super) fn of_old(cx: &Context<'_>, step: Step) -> Required {
    let mut required = Requirements::new();
    for change in cx.changes.iter().filter(|change| change.frozen.not_null) {
        required.not_null(cx, change.from, change.to);
    }
    for saved in cx.saved_checks {
        if cx.table.check(&saved.name).is_none() {
            required.add.push(saved.restore.clone());
        }
        if saved.validated {
            required.validate(cx, &saved.name);
        }
    }
    required.done(cx, step)
}

/// The new columns lose what the old ones have again.
pub(super) fn drop_of_new(cx: &Context<'_>) -> Vec<String> {
    let mut out = Vec::new();
    for change in cx.changes.iter().filter(|change| change.frozen.not_null) {
        out.extend(not_null::moved(cx, change.to, change.from));
    }
    let saved = cx
        .saved_checks
        .iter()
        .filter(|saved| !saved.copy.is_empty());
    out.extend(saved.map(|saved| drop(cx, &saved.copy)));
    out
}

/// What a `retire` has added and was not carried through: a writer that knows only the old column could fail of it.
pub(super) fn free_new(cx: &Context<'_>) -> Vec<String> {
    let table = cx.table;
    let mut out = Vec::new();
    for change in cx.changes {
        let name = cx.null_check(change.to);
        if table.check(&name).is_some() {
            out.push(drop(cx, &name));
        }
    }
    for check in cx.old_checks() {
        let name = copy_name(cx, &check.name);
        if table.check(&name).is_some() {
            out.push(drop(cx, &name));
        }
    }
    for index in cx.old_indexes().filter(|index| index.unique) {
        let name = cx.rules.copy_name(&index.name, true);
        if table.index(&name).is_some() {
            out.push(cx.rules.drop_index(table, &name, false));
        }
        out.extend(Wanted::copy(cx, (index, index), &name).drop_loose());
    }
    out
}

/// The CHECK constraints of an empty table: what goes, and what comes.
pub(super) fn on_empty(cx: &Context<'_>) -> (Vec<String>, Vec<String>) {
    let (mut gone, mut come) = (Vec::new(), Vec::new());
    for check in cx.old_checks() {
        gone.push(drop(cx, &check.name));
        if cx.is_left(&check.name) {
            continue;
        }
        come.push(add(cx, check, &check.name, &cx.condition_on_new(check)));
        if check.validated && check.enforced {
            come.push(format!(
                "ALTER TABLE {} VALIDATE CONSTRAINT {}",
                cx.table.sql(),
                quote(&check.name)
            ));
        }
        come.extend(comment(cx, check, &check.name));
    }
    (gone, come)
}

/// The names of the copies become those of the constraints that are gone, or in a plan will be by then.
pub(super) fn take_names(cx: &Context<'_>) -> Vec<String> {
    let saved = cx.saved_checks.iter();
    let saved = saved.filter(|saved| !saved.copy.is_empty());
    let saved = saved.map(|saved| (saved.copy.clone(), saved.name.as_str()));
    let pending = cx.old_checks().filter(|check| !cx.is_left(&check.name));
    let pending = pending.map(|check| (copy_name(cx, &check.name), check.name.as_str()));
    saved
        .chain(pending)
        .map(|(copy, name)| {
            format!(
                "ALTER TABLE {} RENAME CONSTRAINT {} TO {}",
                cx.table.sql(),
                quote(&copy),
                quote(name)
            )
        })
        .collect()
}

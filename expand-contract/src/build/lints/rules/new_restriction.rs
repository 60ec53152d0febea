//! A constraint or unique index forbids what was allowed before.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "new-restriction",
    level: Level::Allow,
    databases: EVERY,
    why: "`NOT VALID` and `CONCURRENTLY` spare the rows that are there, but every new write is checked: an instance of the release before that writes what is forbidden now fails",
    help: "release the code that obeys it first; then allow this line and say since which release",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let (table, what) = match &op.kind {
        OpKind::AddConstraint {
            table, constraint, ..
        } => match constraint.kind {
            // the index has forbidden it before
            ConstraintKind::Unique {
                using_index: true, ..
            }
            | ConstraintKind::PrimaryKey {
                using_index: true, ..
            }
            | ConstraintKind::Index { .. } => return,
            _ => (table, "a constraint"),
        },
        OpKind::CreateIndex(index) if index.unique => (&index.table, "a unique index"),
        OpKind::SetNotNull { table, column } if !cx.history.is_proven_not_null(table, column) => {
            (table, "NOT NULL")
        }
        _ => return,
    };
    if !cx.is_new(table) && !cx.is_down() {
        found.say(
            op.at,
            format!("`{}` gets {what} that new rows have to obey", table.text),
        );
    }
}

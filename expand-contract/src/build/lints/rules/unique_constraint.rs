//! A unique constraint is added and its index built in one step.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "unique-constraint",
    level: Level::Deny,
    databases: POSTGRES,
    why: "the index is built under a lock that stops every reader and writer",
    help: "two files: `CREATE UNIQUE INDEX CONCURRENTLY i …`, alone and with `run_in_transaction = false`; then `ADD CONSTRAINT … UNIQUE USING INDEX i`. The new column of a `#[migrate(…)]` gets it from `retire`",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    match &op.kind {
        OpKind::AddConstraint {
            table,
            constraint:
                Constraint {
                    kind:
                        ConstraintKind::Unique {
                            using_index: false, ..
                        },
                    ..
                },
            ..
        } if !cx.is_new(table) => {
            found.say(
                op.at,
                format!(
                    "a unique constraint of `{}` is added and its index built at once",
                    table.text
                ),
            );
        }
        OpKind::AddColumn { table, column, .. } if column.unique && !cx.is_new(table) => {
            found.say(
                op.at,
                format!(
                    "`{}.{}` is added with a unique constraint, whose index is built at once",
                    table.text, column.name.text
                ),
            );
        }
        _ => {}
    }
}

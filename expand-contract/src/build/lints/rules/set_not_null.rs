//! A column becomes NOT NULL, and no validated constraint says that it has no NULLs.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "set-not-null",
    level: Level::Deny,
    databases: POSTGRES,
    why: "the table is read from end to end under a lock that stops every reader and writer",
    help: "three files: `ADD CONSTRAINT c CHECK (col IS NOT NULL) NOT VALID`, then `VALIDATE CONSTRAINT c`, then `SET NOT NULL` and `DROP CONSTRAINT c`. The new column of a `#[migrate(…)]` gets it from `retire`",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let OpKind::SetNotNull { table, column } = &op.kind else {
        return;
    };
    let is_fine = cx.is_new(table)
        || cx.history.is_proven_not_null(table, column)
        || cx.history.column(table, column).is_some_and(|column| column.not_null)
        || cx.up_has(|kind| matches!(kind, OpKind::DropNotNull { table: t, column: c } if t == table && c == column));
    if !is_fine {
        found.say(
            op.at,
            format!(
                "`{}.{}` becomes NOT NULL without a validated CHECK",
                table.text, column.text
            ),
        );
    }
}

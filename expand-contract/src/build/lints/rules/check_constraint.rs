//! A CHECK is added and checked in one step.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "check-constraint",
    level: Level::Deny,
    databases: POSTGRES,
    why: "every row is read under a lock that stops every reader and writer",
    help: "two files: `ADD CONSTRAINT … CHECK (…) NOT VALID`, then `VALIDATE CONSTRAINT`",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    match &op.kind {
        OpKind::AddConstraint {
            table,
            constraint:
                Constraint {
                    kind: ConstraintKind::Check { .. } | ConstraintKind::NotNull { .. },
                    ..
                },
            not_valid: false,
        } if !cx.is_new(table) => {
            found.say(
                op.at,
                format!("a CHECK of `{}` is added and checked at once", table.text),
            );
        }
        OpKind::AddColumn { table, column, .. } if column.check && !cx.is_new(table) => {
            found.say_with(
                op.at,
                format!("`{}.{}` is added with a CHECK, which is checked at once", table.text, column.name.text),
                "add the column without it, then `ADD CONSTRAINT … CHECK (…) NOT VALID`, and in another file `VALIDATE CONSTRAINT`".into(),
            );
        }
        _ => {}
    }
}

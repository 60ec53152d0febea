//! An exclusion constraint is added to an existing table.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "exclusion-constraint",
    level: Level::Deny,
    databases: POSTGRES,
    why: "its index is built under a lock that stops every reader and writer, and there is no way to build it beside the traffic",
    help: "put it on a new table and move the rows; or let a trigger check new rows",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    if let OpKind::AddConstraint {
        table,
        constraint: Constraint {
            kind: ConstraintKind::Exclude,
            ..
        },
        ..
    } = &op.kind
    {
        if !cx.is_new(table) {
            found.say(
                op.at,
                format!("`{}` gets an exclusion constraint", table.text),
            );
        }
    }
}

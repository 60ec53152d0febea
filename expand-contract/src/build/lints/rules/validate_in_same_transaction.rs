//! A constraint is added NOT VALID and validated in the same transaction.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "validate-in-same-transaction",
    level: Level::Deny,
    databases: POSTGRES,
    why: "the lock of the first step is held until the end, so that the second reads the table under it: as if it had been one step",
    help: "put `VALIDATE CONSTRAINT` into a migration of its own",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let OpKind::ValidateConstraint { table, name } = &op.kind else {
        return;
    };
    if cx.history.is_added_here(table, name)
        && !cx.is_new(table)
        && !cx.is_down()
        && cx.holds_its_locks()
    {
        found.say(
            op.at,
            format!("`{}` is added and validated in one transaction", name.text),
        );
    }
}

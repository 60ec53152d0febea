//! A constraint has no name.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "unnamed-constraint",
    level: Level::Allow,
    databases: NOT_SQLITE,
    why: "the database makes one up, which may differ between databases, and which a later migration has to guess",
    help: "write `CONSTRAINT name` before it",
    check,
};

fn check(op: &Op, _cx: &Context<'_>, found: &mut Found) {
    let OpKind::AddConstraint {
        table, constraint, ..
    } = &op.kind
    else {
        return;
    };
    if constraint.name.is_none() && !matches!(constraint.kind, ConstraintKind::Index { .. }) {
        found.say(
            op.at,
            format!("a constraint of `{}` has no name", table.text),
        );
    }
}

//! A value of an enumeration is renamed.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "rename-enum-value",
    level: Level::Deny,
    databases: POSTGRES,
    why: "a release that knows the old value can neither read rows that have it nor write it",
    help: "add the new value, write it in a new release, convert the rows, and stop to use the old one; PostgreSQL cannot remove it, which does no harm",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let OpKind::RenameEnumValue { enumeration } = &op.kind else {
        return;
    };
    if !cx.is_down() && !cx.history.is_new_type(enumeration) {
        found.say(
            op.at,
            format!("a value of `{}` is renamed", enumeration.text),
        );
    }
}

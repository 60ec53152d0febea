//! A value is added to an enumeration and there is more in the same transaction.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "enum-value-in-transaction",
    level: Level::Warn,
    databases: POSTGRES,
    why: "PostgreSQL refuses to use the value before it is committed: a default, a CHECK or an UPDATE with it fails",
    help: "put `ADD VALUE` into a migration of its own",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let OpKind::AddEnumValue { enumeration, .. } = &op.kind else {
        return;
    };
    if cx.history.is_new_type(enumeration) || !cx.holds_its_locks() {
        return;
    }
    let has_more = cx
        .behind()
        .iter()
        .any(|later| !matches!(later.kind, OpKind::AddEnumValue { .. } | OpKind::Set { .. }));
    if has_more {
        found.say(
            op.at,
            format!(
                "a value of `{}` is added, and the statements behind it cannot use it",
                enumeration.text
            ),
        );
    }
}

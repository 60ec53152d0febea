//! A schema is dropped.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "drop-schema",
    level: Level::Deny,
    databases: NOT_SQLITE,
    why: "everything in it is gone",
    help: "drop what is in it by name first; a schema that the `up.sql` makes may be dropped by the `down.sql`",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let OpKind::Drop { object, name, .. } = &op.kind else {
        return;
    };
    let is_own = cx.up_has(|kind| matches!(kind, OpKind::Create { object, name: made, .. } if object == "SCHEMA" && made == name));
    if object == "SCHEMA" && !is_own {
        let name = name.as_ref().map_or("", |name| &name.text);
        found.say(op.at, format!("schema `{name}` is dropped"));
    }
}

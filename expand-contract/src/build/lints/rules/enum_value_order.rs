//! A value is added to an enumeration without saying where.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "enum-value-order",
    level: Level::Allow,
    databases: POSTGRES,
    why: "it sorts behind all others, and two branches that each add one end in an order that depends on which ran first",
    help: "`ADD VALUE '…' AFTER '…'`",
    check,
};

fn check(op: &Op, _cx: &Context<'_>, found: &mut Found) {
    if let OpKind::AddEnumValue {
        enumeration,
        has_place: false,
        ..
    } = &op.kind
    {
        found.say(
            op.at,
            format!("a value is added at the end of `{}`", enumeration.text),
        );
    }
}

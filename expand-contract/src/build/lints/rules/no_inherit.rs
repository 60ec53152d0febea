//! A table leaves its parent.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "no-inherit",
    level: Level::Warn,
    databases: POSTGRES,
    why: "queries of the parent, which running code may rely on, have its rows no longer",
    help: "take the parent out of the code first; then allow this line and say since which release",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    if let OpKind::AlterTable {
        table,
        what: Alter::NoInherit,
    } = &op.kind
    {
        if !cx.is_new(table) && !cx.is_down() {
            found.say(op.at, format!("`{}` leaves its parent", table.text));
        }
    }
}

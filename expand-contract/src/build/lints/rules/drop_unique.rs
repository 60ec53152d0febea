//! A unique constraint or index is dropped.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "drop-unique",
    level: Level::Warn,
    databases: EVERY,
    why: "an upsert of the release before names it, and fails without it (`ON CONFLICT (…)` needs one that fits)",
    help: "make the one that takes its place first, and release the code that names no other; then allow this line and say since which release",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let name = match &op.kind {
        OpKind::DropConstraint { table, name, .. }
            if !cx.is_new(table) && cx.history.is_unique(table, name) =>
        {
            name
        }
        OpKind::DropIndex { name, .. }
            if cx
                .history
                .index(name)
                .is_some_and(|index| index.is_unique && !cx.is_new(&index.table)) =>
        {
            name
        }
        _ => return,
    };
    // one that this script has made, or that the other script has
    if !cx.is_down() && !cx.history.is_new_index(name) {
        found.say(
            op.at,
            format!("`{}` keeps values unique no longer", name.text),
        );
    }
}

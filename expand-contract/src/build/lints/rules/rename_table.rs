//! A table is renamed in place.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "rename-table",
    level: Level::Deny,
    databases: EVERY,
    why: "from this moment on every running release that knows the old name fails",
    help: "keep the name in the database and map the new one to it: `#[sql_name = \"old_name\"]` in `table!`; or make a view of the old name in the same transaction, and drop it when no release reads it",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let OpKind::RenameTable { table, to } = &op.kind else {
        return;
    };
    if cx.is_down() || cx.is_new(table) {
        return;
    }
    // A view that takes the old name's place
    let has_view = cx.behind().iter().any(|later| {
        matches!(&later.kind, OpKind::Create { object, name: Some(name), .. } if object == "VIEW" && name == table)
    });
    if !has_view {
        found.say(
            op.at,
            format!("table `{}` is renamed to `{}`", table.text, to.text),
        );
    }
}

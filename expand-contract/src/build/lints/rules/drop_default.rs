//! A column loses its default.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "drop-default",
    level: Level::Warn,
    databases: NOT_SQLITE,
    why: "an instance of the release before that leaves the column out of its INSERT fails, or writes NULL",
    help: "release the code that always gives a value first; then allow this line and say since which release",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let OpKind::AlterTable {
        table,
        what: Alter::DropDefault { column },
    } = &op.kind
    else {
        return;
    };
    if !cx.is_new(table) && !cx.is_down() {
        found.say(
            op.at,
            format!("`{}.{}` loses its default", table.text, column.text),
        );
    }
}

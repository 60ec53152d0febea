//! A table is dropped that the code still maps.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "drop-table-in-use",
    level: Level::Deny,
    databases: EVERY,
    why: "every statement that names the table fails once it is gone",
    help: "take it out of the code first, wait until no instance of the earlier release runs, and drop it then",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let (OpKind::DropTable { table, .. }, Some(in_use)) = (&op.kind, cx.in_use) else {
        return;
    };
    if cx.is_down() || !cx.gone.has_table(table) || cx.is_new(table) {
        return;
    }
    if let Some(reader) = in_use.table(table) {
        found.say(
            op.at,
            format!("table `{}` is dropped, and `{reader}` reads it", table.text),
        );
    }
}

//! A table is dropped, and nothing here shows that the releases that are running have stopped to name it.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "drop-table",
    level: Level::Warn,
    databases: EVERY,
    why: "an instance of an earlier release that still names the table fails, and its rows are gone",
    help: "release without the table first; then allow this line and say since which release nobody reads it",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let OpKind::DropTable { table, .. } = &op.kind else {
        return;
    };
    let mapped = cx
        .in_use
        .is_some_and(|in_use| in_use.table(table).is_some());
    if mapped && cx.gone.has_table(table) || cx.is_new(table) || cx.undoes_table(table) {
        return;
    }
    // SQLite's way to change a table: it comes back under its name
    let is_rebuilt = cx
        .behind()
        .iter()
        .any(|later| matches!(&later.kind, OpKind::RenameTable { to, .. } if to == table));
    if !is_rebuilt {
        found.say(op.at, format!("table `{}` is dropped", table.text));
    }
}

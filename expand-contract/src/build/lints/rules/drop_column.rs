//! A column is dropped, and nothing here shows that the releases that are running have stopped to name it.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "drop-column",
    level: Level::Warn,
    databases: EVERY,
    why: "an instance of an earlier release that still names the column fails; Diesel names every column of `table!` in a default select",
    help: "release without the column in `table!` and models first; then allow this line and say since which release nobody reads it. A column that is replaced goes with `#[migrate(rename_from = \"…\")]`, whose `contract` knows that nobody does",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let mut look = |table: &Name, column: &Name| {
        // What is read is reported as that.
        let is_in_use = cx.gone.has_column(table, column)
            && cx
                .in_use
                .is_some_and(|in_use| !in_use.column(table, column).is_empty());
        let is_own = cx.is_new(table)
            || cx.undoes_column(table, column)
            || cx.history.is_new_column(table, column) && !cx.is_down();
        if !is_in_use && !is_own {
            found.say(
                op.at,
                format!("column `{}.{}` is dropped", table.text, column.text),
            );
        }
    };
    match &op.kind {
        OpKind::DropColumn { table, column, .. } => look(table, column),
        OpKind::RenameTable { table, to } if !cx.is_down() => {
            for column in cx.history.lost_columns(table, to) {
                if !cx.history.is_new_column(to, column) {
                    look(to, column);
                }
            }
        }
        _ => {}
    }
}

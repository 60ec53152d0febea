//! A column is dropped that the code still maps.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "drop-column-in-use",
    level: Level::Deny,
    databases: EVERY,
    why: "every statement that names the column fails once it is gone",
    help: "take it out of the code first, wait until no instance of the earlier release runs, and drop it then; a column that is replaced goes with `#[migrate(rename_from = \"…\")]`, whose `contract` drops it last",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let Some(in_use) = cx.in_use else { return };
    if cx.is_down() {
        return;
    }
    let mut look = |table: &Name, column: &Name, at: Position| {
        if !cx.gone.has_column(table, column) {
            return;
        }
        if let Some(reader) = in_use.mapped(table, column) {
            let message = format!(
                "column `{}.{}` is dropped, and `{reader}` reads it",
                table.text, column.text
            );
            found.say(at, message);
        }
    };
    match &op.kind {
        OpKind::DropColumn { table, column, .. } => look(table, column, op.at),
        // SQLite's way to change a table: what the new one lacks is dropped
        OpKind::RenameTable { table, to } => {
            for column in cx.history.lost_columns(table, to) {
                look(to, column, op.at);
            }
        }
        _ => {}
    }
}

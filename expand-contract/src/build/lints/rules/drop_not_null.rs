//! A column may be NULL from now on.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "drop-not-null",
    level: Level::Warn,
    databases: NOT_SQLITE,
    why: "a release whose field is not an `Option` fails on the first row that has none",
    help: "release the model with `Option<…>` (and `Nullable<…>` in `table!`) first; then allow this line and say since which release",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let (table, column) = match &op.kind {
        OpKind::DropNotNull { table, column } => (table, column),
        // MySQL repeats the whole column
        OpKind::ChangeType {
            table,
            column,
            not_null: Some(false),
            ..
        } if cx
            .history
            .column(table, column)
            .is_some_and(|column| column.not_null) =>
        {
            (table, column)
        }
        _ => return,
    };
    if !cx.is_new(table) && !cx.is_down() {
        found.say(
            op.at,
            format!("`{}.{}` loses its NOT NULL", table.text, column.text),
        );
    }
}

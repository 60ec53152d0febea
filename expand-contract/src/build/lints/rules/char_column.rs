//! A column of type `char(n)`.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "char-column",
    level: Level::Warn,
    databases: POSTGRES,
    why: "values are padded with blanks, which count in some comparisons and not in others; it saves nothing, and to leave it rewrites the table",
    help: "`text`, with a CHECK if the length matters",
    check,
};

fn check(op: &Op, _cx: &Context<'_>, found: &mut Found) {
    for (column, _) in op.new_columns() {
        if column.ty.name == "char" {
            found.say(
                column.at,
                format!("`{}` is a {}", column.name.text, column.ty.text()),
            );
        }
    }
}

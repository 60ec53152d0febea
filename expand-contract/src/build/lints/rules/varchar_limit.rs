//! A column of type `varchar(n)`.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "varchar-limit",
    level: Level::Allow,
    databases: POSTGRES,
    why: "a smaller limit rewrites the table later, and it is no faster than `text`",
    help: "`text`, with a CHECK if the length matters",
    check,
};

fn check(op: &Op, _cx: &Context<'_>, found: &mut Found) {
    for (column, _) in op.new_columns() {
        if column.ty.name == "varchar" && !column.ty.arguments.is_empty() {
            found.say(
                column.at,
                format!("`{}` is a {}", column.name.text, column.ty.text()),
            );
        }
    }
}

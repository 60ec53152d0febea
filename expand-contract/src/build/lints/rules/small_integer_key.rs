//! A primary key of 32 bits or fewer.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "small-integer-key",
    level: Level::Allow,
    databases: NOT_SQLITE,
    why: "after 2,147,483,647 every insert fails, and to widen it then rewrites the table and all that refer to it",
    help: "`bigint` (Diesel's `BigInt`, `i64`)",
    check,
};

fn check(op: &Op, _cx: &Context<'_>, found: &mut Found) {
    for (column, is_key) in op.new_columns() {
        let ty = column.ty.name.split(' ').next().unwrap_or_default();
        let is_small = matches!(
            ty,
            "int" | "integer" | "smallint" | "serial" | "smallserial" | "mediumint" | "tinyint"
        );
        if is_key && is_small {
            found.say(
                column.at,
                format!("the key `{}` is {}", column.name.text, column.ty.text()),
            );
        }
    }
}

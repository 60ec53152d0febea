//! A column of 32 bits or fewer.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "small-integer-column",
    level: Level::Allow,
    databases: NOT_SQLITE,
    why: "what counts or refers to something that counts outgrows it, and to widen it then rewrites the table",
    help: "`bigint` (Diesel's `BigInt`, `i64`) for all that grows; `#[migrate(retype_from = …)]` widens a column that exists",
    check,
};

fn check(op: &Op, _cx: &Context<'_>, found: &mut Found) {
    for (column, is_key) in op.new_columns() {
        let ty = column.ty.name.split(' ').next().unwrap_or_default();
        let is_small = matches!(
            ty,
            "int" | "integer" | "smallint" | "serial" | "smallserial" | "mediumint" | "tinyint"
        );
        // keys have a rule of their own; MySQL's `tinyint(1)` is its boolean
        let is_boolean = ty == "tinyint" && column.ty.arguments == [1];
        if is_small && !is_key && !is_boolean {
            found.say(
                column.at,
                format!("`{}` is {}", column.name.text, column.ty.text()),
            );
        }
    }
}

//! A column of type `json`.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "json-column",
    level: Level::Warn,
    databases: POSTGRES,
    why: "it has no equality, so that `SELECT DISTINCT`, `GROUP BY` and `UNION` over it fail; nor can it be indexed",
    help: "`jsonb` (Diesel's `Jsonb`)",
    check,
};

fn check(op: &Op, _cx: &Context<'_>, found: &mut Found) {
    for (column, _) in op.new_columns() {
        if column.ty.name == "json" {
            found.say(column.at, format!("`{}` is json", column.name.text));
        }
    }
}

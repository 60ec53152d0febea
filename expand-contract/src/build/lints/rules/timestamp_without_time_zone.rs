//! A column of type `timestamp`.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "timestamp-without-time-zone",
    level: Level::Allow,
    databases: POSTGRES,
    why: "it does not say which moment it is: two sessions with different time zones write different moments as the same value",
    help: "`timestamptz` (Diesel's `Timestamptz`), which takes no more space",
    check,
};

fn check(op: &Op, _cx: &Context<'_>, found: &mut Found) {
    for (column, _) in op.new_columns() {
        if column.ty.name == "timestamp" {
            found.say(
                column.at,
                format!("`{}` is a timestamp without time zone", column.name.text),
            );
        }
    }
}

//! `TRUNCATE` of an existing table.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "truncate",
    level: Level::Deny,
    databases: NOT_SQLITE,
    why: "all rows are gone, triggers do not see it, and it needs the table for itself; with CASCADE every table that refers to it goes along",
    help: "delete rows in batches; or allow this line and say why no row is missed",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let OpKind::Truncate { table, cascade } = &op.kind else {
        return;
    };
    if cx.is_new(table) {
        return;
    }
    let more = if *cascade {
        ", and every table that refers to it"
    } else {
        ""
    };
    found.say(
        op.at,
        format!("all rows of `{}` are deleted{more}", table.text),
    );
}

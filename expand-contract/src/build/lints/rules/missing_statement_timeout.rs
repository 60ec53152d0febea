//! A statement locks an existing table and may run without a limit.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "missing-statement-timeout",
    level: Level::Allow,
    databases: POSTGRES,
    why: "once it has its lock, a statement that takes longer than expected holds everybody up until it ends",
    help: "begin the script with `SET LOCAL statement_timeout = '30s';`, in a file apart from those that have to take long",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let locks = |op: &Op| {
        op.locked_table()
            .is_some_and(|table| !cx.is_new(table) && !cx.undoes_table(table))
    };
    if !locks(op) {
        return;
    }
    // One report for a script: one line at its top answers all.
    let is_answered = cx.before().iter().any(|earlier| {
        matches!(&earlier.kind, OpKind::Set { name, value, .. } if name == "statement_timeout" && !matches!(value.as_str(), "0" | "0s" | "default"))
            || locks(earlier)
    });
    if !is_answered {
        let table = op.locked_table().map_or("", |table| &table.text);
        found.say(
            op.at,
            format!("`{table}` is locked, and nothing limits for how long"),
        );
    }
}

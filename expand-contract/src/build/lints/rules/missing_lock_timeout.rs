//! A statement locks an existing table and would wait for the lock without a limit.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "missing-lock-timeout",
    level: Level::Warn,
    databases: NOT_SQLITE,
    why: "while it waits behind one long query, every other statement on the table waits behind it",
    help: "begin the script with `SET LOCAL lock_timeout = '2s';` (MySQL: `SET SESSION lock_wait_timeout = 2;`) and run it again if it fails",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let name = match cx.database {
        Database::Mysql => "lock_wait_timeout",
        _ => "lock_timeout",
    };
    let is_own = |table: &Name| cx.is_new(table) || cx.undoes_table(table);
    let locks = |op: &Op| op.locked_table().is_some_and(|table| !is_own(table));
    let Some(table) = op.locked_table() else {
        return;
    };
    if !locks(op) {
        return;
    }
    // One report for a script: one line at its top answers all.
    let is_answered = cx.before().iter().any(|earlier| {
        matches!(&earlier.kind, OpKind::Set { name: set, value, .. } if set == name && !matches!(value.as_str(), "0" | "0s" | "default"))
            || locks(earlier)
    });
    if !is_answered {
        found.say(
            op.at,
            format!(
                "`{}` is locked, and nothing limits how long that waits",
                table.text
            ),
        );
    }
}

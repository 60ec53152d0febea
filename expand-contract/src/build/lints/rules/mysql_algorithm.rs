//! A table is altered without saying by which algorithm.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "mysql-algorithm",
    level: Level::Warn,
    databases: MYSQL,
    why: "where MySQL cannot do it in place it copies the table, and writers wait; with `ALGORITHM` it refuses instead",
    help: "add `, ALGORITHM=INSTANT`, or `ALGORITHM=INPLACE, LOCK=NONE`",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let Some(table) = op.altered_table() else {
        return;
    };
    if cx.is_new(table) {
        return;
    }
    // All actions of one statement share its algorithm; the first one is reported.
    let (first, last) = cx.statement_lines();
    let of_statement = |other: &&Op| {
        (first..=last).contains(&other.at.line) && other.altered_table() == Some(table)
    };
    let is_first = !cx.before().iter().any(|other| of_statement(&other));
    let says = cx.script.ops.iter().filter(of_statement).any(|other| {
        matches!(&other.kind, OpKind::AlterTable { what: Alter::Algorithm(how), .. } if how == "instant" || how == "inplace")
    });
    if is_first && !says {
        found.say(
            op.at,
            format!(
                "`{}` is altered by whatever algorithm MySQL finds",
                table.text
            ),
        );
    }
}

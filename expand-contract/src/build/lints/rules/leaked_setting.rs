//! A setting is changed for the session, not for the transaction.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "leaked-setting",
    level: Level::Warn,
    databases: POSTGRES,
    why: "the connection that runs the migrations keeps it: a pooled one takes it into the application",
    help: "`SET LOCAL`, which ends with the transaction",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let OpKind::Set {
        name, local: false, ..
    } = &op.kind
    else {
        return;
    };
    if cx.script.in_transaction && !cx.is_set_again(name) {
        found.say(op.at, format!("`{name}` stays set on the connection"));
    }
}

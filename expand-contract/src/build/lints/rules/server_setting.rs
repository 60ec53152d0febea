//! A setting of the server, a database or a role is changed.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "server-setting",
    level: Level::Warn,
    databases: POSTGRES,
    why: "it is in force for everybody who uses the same, but only for sessions that begin later: a pool's old connections and its new ones behave differently; `ALTER SYSTEM` fails in a transaction",
    help: "leave it to those who run the server; what one migration needs is set with `SET LOCAL`",
    check,
};

fn check(op: &Op, _cx: &Context<'_>, found: &mut Found) {
    if let OpKind::ServerSetting { of } = &op.kind {
        found.say(op.at, format!("a setting of {of} is changed"));
    }
}

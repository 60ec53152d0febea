//! Triggers are switched off.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "disable-trigger",
    level: Level::Deny,
    databases: POSTGRES,
    why: "it is so for every session, and stays so if the script fails before it switches them on; `ALL` includes foreign keys, and this library's triggers, without which a write of an earlier release is lost",
    help: "`SET LOCAL session_replication_role` is about one transaction only, and needs as much care; or leave them on",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    if let OpKind::AlterTable {
        table,
        what: Alter::DisableTrigger,
    } = &op.kind
    {
        if !cx.is_new(table) {
            found.say(
                op.at,
                format!(
                    "triggers of `{}` are switched off for everybody",
                    table.text
                ),
            );
        }
    }
}

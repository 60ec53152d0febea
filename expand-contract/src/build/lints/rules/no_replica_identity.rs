//! A table's rows have no identity in replication any more.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "no-replica-identity",
    level: Level::Warn,
    databases: POSTGRES,
    why: "every UPDATE and DELETE fails while a publication has the table",
    help:
        "`REPLICA IDENTITY DEFAULT` or `USING INDEX`; or take the table off its publications first",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    if let OpKind::AlterTable {
        table,
        what: Alter::NoReplicaIdentity,
    } = &op.kind
    {
        if !cx.is_new(table) {
            found.say(
                op.at,
                format!("rows of `{}` have no identity in replication", table.text),
            );
        }
    }
}

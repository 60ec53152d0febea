//! A table is made without its schema's name.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "unqualified-table",
    level: Level::Allow,
    databases: POSTGRES,
    why: "it goes to whichever schema comes first on the search path of whoever runs the migration",
    help: "`CREATE TABLE app.t (…)`",
    check,
};

fn check(op: &Op, _cx: &Context<'_>, found: &mut Found) {
    if let OpKind::CreateTable(table) = &op.kind {
        if !table.is_qualified && !table.temporary {
            found.say(
                op.at,
                format!("the search path says where `{}` goes", table.table.text),
            );
        }
    }
}

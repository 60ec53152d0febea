//! `VACUUM FULL`, `CLUSTER`, `OPTIMIZE TABLE`.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "vacuum-full",
    level: Level::Deny,
    databases: NOT_SQLITE,
    why: "all rows are copied under a lock that stops every reader and writer for as long as it takes",
    help: "a plain `VACUUM` gives the space back for new rows; pg_repack gives it back to the system beside the traffic",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let what = match &op.kind {
        OpKind::Vacuum { full: true } => "VACUUM FULL",
        OpKind::Cluster => "CLUSTER",
        OpKind::OptimizeTable { table }
            if !table.as_ref().is_some_and(|table| cx.is_new(table)) =>
        {
            "OPTIMIZE TABLE"
        }
        _ => return,
    };
    found.say(op.at, format!("`{what}` writes the table anew"));
}

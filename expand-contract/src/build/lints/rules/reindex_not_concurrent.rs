//! `REINDEX` without `CONCURRENTLY`.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "reindex-not-concurrent",
    level: Level::Deny,
    databases: POSTGRES,
    why: "writers wait until the index is built anew, and readers that would use it too",
    help: "`REINDEX … CONCURRENTLY`, as the only statement of its file, and `run_in_transaction = false` in its `metadata.toml`",
    check,
};

fn check(op: &Op, _cx: &Context<'_>, found: &mut Found) {
    if let OpKind::Reindex {
        concurrently: false,
    } = &op.kind
    {
        found.say(op.at, "an index is built anew while its table waits".into());
    }
}

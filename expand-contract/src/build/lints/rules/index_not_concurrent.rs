//! An index is built on an existing table while its writers wait.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "index-not-concurrent",
    level: Level::Deny,
    databases: POSTGRES,
    why: "writers wait until the index is built",
    help: "`CREATE INDEX CONCURRENTLY`, as the only statement of its `up.sql`, and `run_in_transaction = false` in its `metadata.toml`. Indexes of a column that `#[migrate(…)]` replaces are built that way by `backfill`",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let OpKind::CreateIndex(index) = &op.kind else {
        return;
    };
    if index.concurrently || index.only || cx.is_new(&index.table) {
        return;
    }
    let name = index
        .name
        .as_ref()
        .map_or(String::new(), |name| format!(" `{}`", name.text));
    found.say(
        op.at,
        format!(
            "index{name} on `{}` is built while its writers wait",
            index.table.text
        ),
    );
}

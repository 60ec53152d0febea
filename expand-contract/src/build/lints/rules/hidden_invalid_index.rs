//! `CREATE INDEX CONCURRENTLY IF NOT EXISTS`.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "hidden-invalid-index",
    level: Level::Warn,
    databases: POSTGRES,
    why: "a build that fails leaves an invalid index behind; the next run finds it there and reports success, and no query ever uses it",
    help: "leave `IF NOT EXISTS` out, so that the next run fails; or put a migration before it with `DROP INDEX CONCURRENTLY IF EXISTS` of the name",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let OpKind::CreateIndex(index) = &op.kind else {
        return;
    };
    if index.concurrently && index.if_not_exists && !cx.is_down() {
        let name = index
            .name
            .as_ref()
            .map_or(String::new(), |name| name.text.clone());
        found.say(
            op.at,
            format!("an invalid `{name}` would be taken for the index"),
        );
    }
}

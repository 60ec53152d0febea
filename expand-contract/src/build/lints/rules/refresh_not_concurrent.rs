//! `REFRESH MATERIALIZED VIEW` without `CONCURRENTLY`.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "refresh-not-concurrent",
    level: Level::Warn,
    databases: POSTGRES,
    why: "readers of the view wait until it is filled",
    help: "give the view a unique index and refresh it `CONCURRENTLY`",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let OpKind::RefreshMaterializedView {
        view,
        concurrently: false,
    } = &op.kind
    else {
        return;
    };
    let is_new = cx.before().iter().any(
        |earlier| matches!(&earlier.kind, OpKind::Create { name: Some(name), .. } if name == view),
    );
    if !is_new {
        found.say(
            op.at,
            format!("`{}` is filled while its readers wait", view.text),
        );
    }
}

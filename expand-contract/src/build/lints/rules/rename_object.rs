//! A view, function, type, sequence or the like is renamed.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "rename-object",
    level: Level::Warn,
    databases: POSTGRES,
    why: "statements of the release before name it as it was (a type by its old name is not found when its id is looked up)",
    help: "make one of the new name beside it, and drop the old one when no instance of the release before runs",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let OpKind::RenameObject { object, name } = &op.kind else {
        return;
    };
    let is_own = cx.before().iter().any(
        |earlier| matches!(&earlier.kind, OpKind::Create { name: Some(made), .. } if made == name),
    );
    if !is_own && !cx.is_down() {
        found.say(
            op.at,
            format!("{} `{}` is renamed", object.to_lowercase(), name.text),
        );
    }
}

//! A value is added to an enumeration.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "add-enum-value",
    level: Level::Warn,
    databases: POSTGRES,
    why: "an instance of the release before does not know it, and fails on the first row that has it",
    help: "release the code that reads the value first, and the code that writes it when no instance of the release before runs; then allow this line and say since which release",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let OpKind::AddEnumValue { enumeration, .. } = &op.kind else {
        return;
    };
    if !cx.history.is_new_type(enumeration) && !cx.is_down() {
        found.say(
            op.at,
            format!(
                "`{}` gets a value that running code may not know",
                enumeration.text
            ),
        );
    }
}

//! A sequence gives other numbers from now on.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "alter-sequence",
    level: Level::Warn,
    databases: POSTGRES,
    why: "numbers that were given come again, and inserts fail on the key or refer to the wrong row; two ways to count that meet do the same",
    help: "leave the sequence alone; where it has to be set behind what was loaded, allow this line and say so",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let name = match &op.kind {
        OpKind::AlterSequence { name } => name,
        OpKind::AlterTable {
            table,
            what: Alter::Numbers { column },
        } if !cx.is_new(table) => column,
        _ => return,
    };
    let is_own = cx.before().iter().any(
        |earlier| matches!(&earlier.kind, OpKind::Create { name: Some(made), .. } if made == name),
    );
    if !is_own && !cx.is_down() {
        found.say(op.at, format!("`{}` counts differently", name.text));
    }
}

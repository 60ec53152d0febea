//! A name that the database cuts or refuses.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "long-name",
    level: Level::Deny,
    databases: NOT_SQLITE,
    why: "PostgreSQL cuts a name at 63 bytes without an error, so that two names can become one; MySQL refuses more than 64 characters",
    help: "choose a shorter one",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    let is_long = |name: &Name| match cx.database {
        Database::Mysql => name.text.chars().count() > 64,
        _ => name.text.len() > 63,
    };
    for (name, at) in op.new_names() {
        if is_long(name) {
            let length = name.text.len();
            found.say(at, format!("the name `{}` has {length} bytes", name.text));
        }
    }
}

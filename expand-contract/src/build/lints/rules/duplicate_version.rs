//! Two migrations have the same version.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "duplicate-version",
    level: Level::Deny,
    databases: EVERY,
    why: "Diesel knows a migration by what stands before the first `_` of its folder, without hyphens: it takes the second one for applied and never runs it",
    help: "give one of them another version",
    check,
};

/// It is about folders, not about operations.
fn check(_: &Op, _: &Context<'_>, _: &mut Found) {}

/// The finding about two folders.
pub(crate) fn found(migration: &Migration, twin: &Migration) -> Problem {
    Problem {
        rule: &RULE,
        file: migration.folder.clone(),
        at: Position::START,
        message: format!(
            "the version {} is that of `{}` too",
            migration.version,
            twin.folder.display()
        ),
    }
}

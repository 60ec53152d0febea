//! A domain has a constraint.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "domain-constraint",
    level: Level::Warn,
    databases: POSTGRES,
    why: "to add or change it later reads every table that has a column of the domain, under a lock that stops writers; there is no way around that",
    help: "put the CHECK on the columns; or add it to the domain `NOT VALID` and validate it in another file",
    check,
};

fn check(op: &Op, _cx: &Context<'_>, found: &mut Found) {
    match &op.kind {
        OpKind::CreateDomain {
            name,
            has_check: true,
        } => {
            found.say(
                op.at,
                format!("domain `{}` is made with a constraint", name.text),
            );
        }
        OpKind::AddDomainConstraint {
            name,
            not_valid: false,
        } => {
            found.say(op.at, format!("domain `{}` gets a constraint", name.text));
        }
        _ => {}
    }
}

//! A foreign key is added and checked in one step.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "foreign-key",
    level: Level::Deny,
    databases: POSTGRES,
    why: "writers of both tables wait while every row is looked up",
    help: "two files: `ADD CONSTRAINT … FOREIGN KEY … NOT VALID`, then `VALIDATE CONSTRAINT`. The new column of a `#[migrate(…)]` gets it that way",
    check,
};

fn check(op: &Op, cx: &Context<'_>, found: &mut Found) {
    match &op.kind {
        OpKind::AddConstraint {
            table,
            constraint:
                Constraint {
                    kind: ConstraintKind::ForeignKey { references },
                    ..
                },
            not_valid: false,
        } if !cx.is_new(table) => {
            found.say(
                op.at,
                format!(
                    "a foreign key from `{}` to `{}` is added and checked at once",
                    table.text, references.text
                ),
            );
        }
        OpKind::AddColumn { table, column, .. } if !cx.is_new(table) => {
            if let Some(references) = &column.references {
                found.say_with(
                    op.at,
                    format!("`{}.{}` is added with a foreign key to `{}`, which is checked at once", table.text, column.name.text, references.text),
                    "add the column without it, then `ADD CONSTRAINT … FOREIGN KEY … NOT VALID`, and in another file `VALIDATE CONSTRAINT`".into(),
                );
            }
        }
        _ => {}
    }
}

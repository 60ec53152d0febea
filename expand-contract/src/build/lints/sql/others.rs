//! Statements that the parser is not asked about: what they are, by their words.

use sqlparser::tokenizer::Token;

use super::op::{Alter, Name, OpKind};
use super::read::Reader;
use super::words::Words;

impl Reader<'_> {
    /// `ALTER` of anything but a table or a type; `name` is behind.
    pub(super) fn alter_other(&mut self, object: String, name: Name, mut words: Words<'_>) {
        let kind = match object.as_str() {
            "SCHEMA" if words.has("RENAME TO") => OpKind::RenameSchema { name },
            "DOMAIN" if words.eat("ADD") => OpKind::AddDomainConstraint {
                name,
                not_valid: words.has("NOT VALID"),
            },
            "POLICY" => OpKind::AlterPolicy {
                table: if words.eat("ON") { words.name() } else { None },
            },
            // roles and databases are other people's too
            "DATABASE" | "ROLE" | "USER" | "TABLESPACE" => {
                if !(words.has("SET") || words.has("RESET")) {
                    return self.push(OpKind::Other);
                }
                let what = format!("{} `{}`", object.to_lowercase(), name.text);
                OpKind::ServerSetting { of: what }
            }
            // an index is no name that code knows
            "INDEX" => OpKind::Other,
            _ if words.has("RENAME TO") => OpKind::RenameObject { object, name },
            "EXTENSION" if words.eat("UPDATE") => OpKind::UpdateExtension { name },
            "SEQUENCE" => {
                const NUMBERS: [&str; 6] = [
                    "RESTART",
                    "INCREMENT",
                    "MINVALUE",
                    "MAXVALUE",
                    "START",
                    "CYCLE",
                ];
                match NUMBERS.iter().any(|word| words.has(word)) {
                    true => OpKind::AlterSequence { name },
                    false => OpKind::Other,
                }
            }
            _ => OpKind::Other,
        };
        self.push(kind);
    }

    /// `REVOKE` is behind.
    pub(super) fn revoke(&mut self, mut words: Words<'_>) {
        while !words.is_at_end() && !words.eat("ON") {
            // REVOKE role FROM role
            if words.word().as_deref() == Some("FROM") {
                return self.push(OpKind::Revoke { on: None });
            }
            words.skip();
        }
        for object in [
            "TABLE",
            "SEQUENCE",
            "FUNCTION",
            "PROCEDURE",
            "ROUTINE",
            "SCHEMA",
            "DATABASE",
            "TYPE",
            "DOMAIN",
        ] {
            if words.eat(object) {
                break;
            }
        }
        let on = match words.word().as_deref() {
            Some("ALL") => None,
            _ => words.name(),
        };
        self.push(OpKind::Revoke { on });
    }
}

/// Of `ALTER TABLE`: the actions that are about the rights to rows, inheritance and replication.
pub(super) fn rights_and_roles(first: &str, mut words: Words<'_>) -> Option<Alter> {
    match first {
        "ENABLE" | "DISABLE" | "FORCE" if words.eat("ROW LEVEL SECURITY") => {
            Some(Alter::RowSecurity)
        }
        "NO" if words.eat("FORCE ROW LEVEL SECURITY") => Some(Alter::RowSecurity),
        "NO" if words.eat("INHERIT") => Some(Alter::NoInherit),
        "REPLICA" if words.eat("IDENTITY NOTHING") => Some(Alter::NoReplicaIdentity),
        _ => None,
    }
}

/// Of `ALTER TABLE … ALTER COLUMN`: what makes numbers or values by itself.
pub(super) fn made_by_itself(column: &Name, mut words: Words<'_>) -> Option<Alter> {
    if words.eat("SET EXPRESSION") {
        return Some(Alter::Rewrite("SET EXPRESSION"));
    }
    let is_identity = ["ADD GENERATED", "SET GENERATED", "DROP IDENTITY"]
        .iter()
        .any(|action| words.eat(action));
    if is_identity {
        return Some(Alter::Identity {
            column: column.clone(),
        });
    }
    // SET INCREMENT BY 2, RESTART, …
    let numbers = [
        "RESTART",
        "SET START",
        "SET RESTART",
        "SET INCREMENT",
        "SET MINVALUE",
        "SET MAXVALUE",
        "SET CYCLE",
    ];
    let is_numbers = numbers.iter().any(|action| words.eat(action));
    is_numbers.then(|| Alter::Numbers {
        column: column.clone(),
    })
}

/// The table behind `ON`, where an object belongs to one.
pub(super) fn of_table(mut words: Words<'_>) -> Option<Name> {
    let mut depth = 0usize;
    while !words.is_at_end() {
        match words.peek() {
            Some(Token::LParen) => depth += 1,
            Some(Token::RParen) => depth = depth.saturating_sub(1),
            _ if depth == 0 && words.eat("ON") => return words.name(),
            _ => {}
        }
        words.skip();
    }
    None
}

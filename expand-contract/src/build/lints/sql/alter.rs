//! `ALTER …`: of a table action by action.

use sqlparser::ast::{
    AlterColumnOperation, AlterTableAlgorithm, AlterTableOperation, AlterTypeOperation,
    ColumnOption, DetachPartitionMode, DropBehavior, RenameTableNameKind, Statement,
};
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::convert;
use super::op::{Alter, Constraint, ConstraintKind, Name, OpKind, Type};
use super::others::{made_by_itself, rights_and_roles};
use super::read::Reader;
use super::words::{ident, Words};
use super::Unread;
use crate::build::finding::Position;

impl<'a> Reader<'a> {
    pub(super) fn alter(&mut self, mut words: Words<'a>) {
        words.eat("IGNORE");
        words.eat("ONLINE");
        if words.eat("TABLE") || words.eat("FOREIGN TABLE") {
            return self.alter_table(words);
        }
        if words.eat("TYPE") {
            return self.alter_type(words);
        }
        let mut object = words.take_word().unwrap_or_default();
        if object == "SYSTEM" {
            let of = "the server".into();
            return self.push(OpKind::ServerSetting { of });
        }
        if object == "MATERIALIZED" && words.eat("VIEW") {
            object = "MATERIALIZED VIEW".into();
        }
        words.eat("IF EXISTS");
        let Some(name) = words.name() else {
            return self.push(OpKind::Other);
        };
        if words.has("SET SCHEMA") {
            return self.push(OpKind::SetSchema { object, name });
        }
        self.alter_other(object, name, words);
    }

    fn alter_type(&mut self, mut words: Words<'a>) {
        let Some(enumeration) = words.name() else {
            return self.not_understood("a name is missing");
        };
        if words.has("SET SCHEMA") {
            return self.push(OpKind::SetSchema {
                object: "TYPE".into(),
                name: enumeration,
            });
        }
        match self.parse(self.tokens.to_vec()) {
            Ok(Statement::AlterType(alter)) => match alter.operation {
                AlterTypeOperation::AddValue(add) => self.push(OpKind::AddEnumValue {
                    enumeration,
                    has_place: add.position.is_some(),
                    if_not_exists: add.if_not_exists,
                }),
                AlterTypeOperation::RenameValue(_) => {
                    self.push(OpKind::RenameEnumValue { enumeration });
                }
                AlterTypeOperation::Rename(_) => self.push(OpKind::RenameObject {
                    object: "TYPE".into(),
                    name: enumeration,
                }),
            },
            // attributes of composite types, owners: no rule asks
            _ => self.push(OpKind::Other),
        }
    }

    fn alter_table(&mut self, mut words: Words<'a>) {
        words.eat("ALL IN TABLESPACE");
        words.eat("IF EXISTS");
        words.eat("ONLY");
        let Some(table) = words.name() else {
            return self.not_understood("a name is missing");
        };
        words.eat_token(&Token::Mul);
        let head = &self.tokens[..words.position().min(self.tokens.len())];
        if words.is_at_end() {
            return self.not_understood("it says nothing of what shall change");
        }
        for action in words.split_at_commas() {
            if action.is_empty() {
                self.not_understood("there is a comma too many");
                continue;
            }
            self.action(&table, head, action);
        }
    }

    fn action(&mut self, table: &Name, head: &[TokenWithSpan], action: &[TokenWithSpan]) {
        let at = action.first().map_or(self.at, |t| t.span.start.into());
        if let Some(kind) = from_words(table, Words::new(action, self.database)) {
            return self.push_at(at, kind);
        }
        // MySQL: `ADD (a INT, b INT)`
        if let [add, open, inside @ .., close] = action {
            if is_word(add, "ADD") && open.token == Token::LParen && close.token == Token::RParen {
                for one in Words::new(inside, self.database).split_at_commas() {
                    let one: Vec<_> = [add].into_iter().chain(one).cloned().collect();
                    self.parsed(table, head, &one, at);
                }
                return;
            }
        }
        self.parsed(table, head, action, at);
    }

    fn parsed(
        &mut self,
        table: &Name,
        head: &[TokenWithSpan],
        action: &[TokenWithSpan],
        at: Position,
    ) {
        let tokens = head.iter().chain(action).cloned().collect();
        match self.parse(tokens) {
            Ok(Statement::AlterTable(alter)) => {
                for operation in &alter.operations {
                    self.operation(table, operation, at);
                }
            }
            Ok(_) => self.unread.push(Unread {
                at,
                why: "not the statement it looks like".into(),
            }),
            Err(unread) => self.unread.push(unread),
        }
    }

    fn operation(&mut self, table: &Name, operation: &AlterTableOperation, at: Position) {
        let database = self.database;
        let table = table.clone();
        let other = |what: Alter| OpKind::AlterTable {
            table: table.clone(),
            what,
        };
        let cascade = |behavior: &Option<DropBehavior>| *behavior == Some(DropBehavior::Cascade);
        let kind = match operation {
            AlterTableOperation::AddColumn {
                if_not_exists,
                column_def,
                ..
            } => OpKind::AddColumn {
                table,
                column: convert::column(column_def, database),
                if_not_exists: *if_not_exists,
            },
            AlterTableOperation::DropColumn {
                column_names,
                if_exists,
                drop_behavior,
                ..
            } => {
                for column in column_names {
                    let kind = OpKind::DropColumn {
                        table: table.clone(),
                        column: ident(column, database),
                        cascade: cascade(drop_behavior),
                        if_exists: *if_exists,
                    };
                    self.push_at(column.span.start.into(), kind);
                }
                return;
            }
            AlterTableOperation::RenameColumn {
                old_column_name,
                new_column_name,
            } => OpKind::RenameColumn {
                table,
                from: ident(old_column_name, database),
                to: ident(new_column_name, database),
            },
            AlterTableOperation::RenameTable { table_name } => {
                let (RenameTableNameKind::To(to) | RenameTableNameKind::As(to)) = table_name;
                match convert::name(to, database) {
                    Some(to) => OpKind::RenameTable { table, to },
                    None => other(Alter::Other),
                }
            }
            AlterTableOperation::ChangeColumn {
                old_name,
                new_name,
                data_type,
                options,
                ..
            } => {
                let (from, to) = (ident(old_name, database), ident(new_name, database));
                let not_null = is_not_null(options);
                if from != to {
                    let kind = OpKind::RenameColumn {
                        table: table.clone(),
                        from,
                        to: to.clone(),
                    };
                    self.push_at(at, kind);
                }
                OpKind::ChangeType {
                    table,
                    column: to,
                    ty: Type::of(data_type),
                    using: None,
                    not_null,
                }
            }
            AlterTableOperation::ModifyColumn {
                col_name,
                data_type,
                options,
                ..
            } => OpKind::ChangeType {
                table,
                column: ident(col_name, database),
                ty: Type::of(data_type),
                using: None,
                not_null: is_not_null(options),
            },
            AlterTableOperation::AlterColumn { column_name, op } => {
                let column = ident(column_name, database);
                match op {
                    AlterColumnOperation::SetNotNull => OpKind::SetNotNull { table, column },
                    AlterColumnOperation::DropNotNull => OpKind::DropNotNull { table, column },
                    AlterColumnOperation::DropDefault => other(Alter::DropDefault { column }),
                    AlterColumnOperation::AddGenerated { .. } => other(Alter::Identity { column }),
                    AlterColumnOperation::SetDataType {
                        data_type, using, ..
                    } => OpKind::ChangeType {
                        table,
                        column,
                        ty: Type::of(data_type),
                        using: using.as_ref().map(ToString::to_string),
                        not_null: None,
                    },
                    _ => other(Alter::Other),
                }
            }
            AlterTableOperation::AddConstraint {
                constraint,
                not_valid,
            } => match convert::constraint(constraint, database) {
                Some(constraint) => OpKind::AddConstraint {
                    table,
                    constraint,
                    not_valid: *not_valid,
                },
                None => other(Alter::Other),
            },
            AlterTableOperation::ValidateConstraint { name } => OpKind::ValidateConstraint {
                table,
                name: ident(name, database),
            },
            AlterTableOperation::DropConstraint {
                if_exists,
                name,
                drop_behavior,
            } => OpKind::DropConstraint {
                table,
                name: ident(name, database),
                cascade: cascade(drop_behavior),
                if_exists: *if_exists,
            },
            AlterTableOperation::DropPrimaryKey { .. } => OpKind::DropPrimaryKey { table },
            AlterTableOperation::DropIndex { name } => OpKind::DropIndex {
                name: ident(name, database),
                table: Some(table),
                concurrently: false,
                if_exists: false,
                cascade: false,
            },
            AlterTableOperation::AttachPartitionOf { .. } => other(Alter::AttachPartition),
            AlterTableOperation::DetachPartitionOf {
                mode: Some(DetachPartitionMode::Finalize),
                ..
            } => other(Alter::Other),
            AlterTableOperation::DetachPartitionOf { mode, .. } => other(Alter::DetachPartition {
                concurrently: *mode == Some(DetachPartitionMode::Concurrently),
            }),
            AlterTableOperation::DisableTrigger { .. } => other(Alter::DisableTrigger),
            AlterTableOperation::SetLogged => other(Alter::Rewrite("SET LOGGED")),
            AlterTableOperation::SetUnlogged => other(Alter::Rewrite("SET UNLOGGED")),
            AlterTableOperation::Algorithm { algorithm, .. } => {
                other(Alter::Algorithm(algorithm_text(*algorithm).into()))
            }
            AlterTableOperation::Lock { .. } => other(Alter::Lock),
            _ => other(Alter::Other),
        };
        self.push_at(at, kind);
    }
}

fn algorithm_text(algorithm: AlterTableAlgorithm) -> &'static str {
    match algorithm {
        AlterTableAlgorithm::Instant => "instant",
        AlterTableAlgorithm::Inplace => "inplace",
        AlterTableAlgorithm::Copy => "copy",
        AlterTableAlgorithm::Default => "default",
    }
}

fn is_not_null(options: &[ColumnOption]) -> Option<bool> {
    Some(options.contains(&ColumnOption::NotNull))
}

fn is_word(token: &TokenWithSpan, expected: &str) -> bool {
    matches!(&token.token, Token::Word(word) if word.value.eq_ignore_ascii_case(expected))
}

/// The actions that the parser does not know.
fn from_words(table: &Name, mut words: Words<'_>) -> Option<OpKind> {
    let other = |what: Alter| {
        Some(OpKind::AlterTable {
            table: table.clone(),
            what,
        })
    };
    let first = words.take_word()?;
    if let Some(what) = rights_and_roles(&first, words) {
        return other(what);
    }
    match first.as_str() {
        "SET" => match words.word().as_deref() {
            Some("SCHEMA") => Some(OpKind::SetSchema {
                object: "TABLE".into(),
                name: table.clone(),
            }),
            Some("TABLESPACE") => other(Alter::Rewrite("SET TABLESPACE")),
            Some("ACCESS") => other(Alter::Rewrite("SET ACCESS METHOD")),
            Some("LOGGED" | "UNLOGGED") => None,
            _ => other(Alter::Other),
        },
        // MySQL
        "CONVERT" => other(Alter::Rewrite("CONVERT TO CHARACTER SET")),
        "ENGINE" => other(Alter::Rewrite("ENGINE")),
        "FORCE" if words.is_at_end() => other(Alter::Rewrite("FORCE")),
        "ORDER" => other(Alter::Rewrite("ORDER BY")),
        "RENAME" if words.eat("INDEX") || words.eat("KEY") => other(Alter::Other),
        "DROP" if words.eat("CHECK") => other(Alter::Other),
        "CLUSTER" | "RESET" | "OF" | "NOT" | "OWNER" | "INHERIT" | "NO" | "FORCE" | "COMMENT"
        | "DEFAULT" | "CHARACTER" | "CHARSET" | "COLLATE" | "ROW_FORMAT" | "AUTO_INCREMENT"
        | "WITHOUT" | "REPLICA" | "ENABLE" => other(Alter::Other),
        "ALTER" => {
            words.eat("COLUMN");
            let column = words.name()?;
            if let Some(what) = made_by_itself(&column, words) {
                return other(what);
            }
            // STATISTICS, STORAGE, COMPRESSION, (n_distinct = …), EXPRESSION, identity options
            let is_known = words.eat("SET NOT NULL")
                || words.eat("SET DEFAULT")
                || words.eat("SET DATA TYPE")
                || words.eat("DROP NOT NULL")
                || words.eat("DROP DEFAULT")
                || words.eat("TYPE")
                || words.eat("ADD");
            if is_known {
                return None;
            }
            other(Alter::Other)
        }
        "ADD" => {
            let name = if words.eat("CONSTRAINT") {
                Some(words.name()?)
            } else {
                None
            };
            // PostgreSQL 18: a NOT NULL that has a name and can be validated later
            if words.eat("NOT NULL") {
                let column = words.name()?;
                return Some(OpKind::AddConstraint {
                    table: table.clone(),
                    constraint: Constraint {
                        name,
                        kind: ConstraintKind::NotNull { column },
                    },
                    not_valid: words.has("NOT VALID"),
                });
            }
            // `ON DELETE SET NULL (column)`
            if words.eat("FOREIGN KEY") {
                let not_valid = words.has("NOT VALID");
                while !words.eat("REFERENCES") {
                    if words.is_at_end() {
                        return None;
                    }
                    words.skip();
                }
                let references = words.name()?;
                return Some(OpKind::AddConstraint {
                    table: table.clone(),
                    constraint: Constraint {
                        name,
                        kind: ConstraintKind::ForeignKey { references },
                    },
                    not_valid,
                });
            }
            None
        }
        _ => None,
    }
}

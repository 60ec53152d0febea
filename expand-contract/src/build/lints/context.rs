//! What a rule sees besides the operation it looks at.

use std::collections::HashSet;
use std::path::PathBuf;

use super::history::History;
use super::in_use::InUse;
use super::sql::op::{Name, Op, OpKind};
use super::sql::{Comment, Unread};
use super::Database;

/// Which way a script goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Up,
    Down,
}

/// A script, flat.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) file: PathBuf,
    pub(crate) direction: Direction,
    pub(crate) ops: Vec<Op>,
    pub(crate) statements: usize,
    /// The first and the last line of every statement.
    pub(crate) lines: Vec<(usize, usize)>,
    pub(crate) comments: Vec<Comment>,
    pub(crate) unread: Vec<Unread>,
    /// `run_in_transaction` of `metadata.toml`.
    pub(crate) in_transaction: bool,
}

/// What no later migration makes again.
#[derive(Debug, Default)]
pub(crate) struct Gone {
    tables: HashSet<String>,
    columns: HashSet<(String, String)>,
}

impl Gone {
    pub(crate) fn after<'a>(scripts: impl Iterator<Item = &'a Script>) -> Self {
        let mut gone = Gone::default();
        let mut history = History::default();
        for (number, script) in scripts.enumerate() {
            history.enter(number);
            for op in &script.ops {
                gone.apply(&op.kind, &history);
                history.apply(op);
            }
        }
        gone
    }

    fn apply(&mut self, kind: &OpKind, history: &History) {
        let key = |table: &Name, column: &Name| (table.key.clone(), column.key.clone());
        match kind {
            OpKind::CreateTable(table) => self.appears(&table.table),
            OpKind::DropTable { table, .. } => {
                self.tables.insert(table.key.clone());
            }
            OpKind::RenameTable { table, to } => {
                self.tables.insert(table.key.clone());
                self.appears(to);
                for lost in history.lost_columns(table, to) {
                    self.columns.insert(key(to, lost));
                }
            }
            OpKind::AddColumn { table, column, .. } => {
                self.columns.remove(&key(table, &column.name));
            }
            OpKind::DropColumn { table, column, .. } => {
                self.columns.insert(key(table, column));
            }
            OpKind::RenameColumn { table, from, to } => {
                self.columns.insert(key(table, from));
                self.columns.remove(&key(table, to));
            }
            _ => {}
        }
    }

    fn appears(&mut self, table: &Name) {
        self.tables.remove(&table.key);
        self.columns.retain(|(of, _)| *of != table.key);
    }

    pub(crate) fn has_table(&self, table: &Name) -> bool {
        self.tables.contains(&table.key)
    }

    pub(crate) fn has_column(&self, table: &Name, column: &Name) -> bool {
        self.has_table(table)
            || self
                .columns
                .contains(&(table.key.clone(), column.key.clone()))
    }
}

/// What surrounds the operation that a rule looks at.
pub(crate) struct Context<'a> {
    pub(crate) database: Database,
    pub(crate) script: &'a Script,
    /// The operation's place in the script.
    pub(crate) index: usize,
    /// After all migrations before this one, and what stands before the operation. In a `down.sql`: after its `up.sql`.
    pub(crate) history: &'a History,
    /// In a `down.sql`: what the `up.sql` beside it does.
    pub(crate) up: Option<&'a [Op]>,
    pub(crate) in_use: Option<&'a InUse>,
    pub(crate) gone: &'a Gone,
}

impl Context<'_> {
    /// The operations of the script before this one.
    pub(crate) fn before(&self) -> &[Op] {
        self.script.ops.get(..self.index).unwrap_or_default()
    }

    /// The operations of the script behind this one.
    pub(crate) fn behind(&self) -> &[Op] {
        self.script.ops.get(self.index + 1..).unwrap_or_default()
    }

    pub(crate) fn is_down(&self) -> bool {
        self.script.direction == Direction::Down
    }

    /// Whether the table was made by this very script: nobody else sees it yet, and it is empty or nearly so.
    pub(crate) fn is_new(&self, table: &Name) -> bool {
        match self.script.direction {
            Direction::Up => self.history.is_new(table),
            Direction::Down => self
                .before()
                .iter()
                .any(|op| matches!(&op.kind, OpKind::CreateTable(made) if made.table == *table)),
        }
    }

    /// Whether the script reverts what made the table.
    pub(crate) fn undoes_table(&self, table: &Name) -> bool {
        self.up_has(|kind| match kind {
            OpKind::CreateTable(made) => made.table == *table,
            OpKind::RenameTable { to, .. } => to == table,
            _ => false,
        })
    }

    /// Whether the script reverts what made the column.
    pub(crate) fn undoes_column(&self, table: &Name, column: &Name) -> bool {
        self.undoes_table(table)
            || self.up_has(|kind| match kind {
                OpKind::AddColumn {
                    table: of,
                    column: made,
                    ..
                } => of == table && made.name == *column,
                OpKind::RenameColumn { table: of, to, .. } => of == table && to == column,
                _ => false,
            })
    }

    pub(crate) fn up_has(&self, test: impl Fn(&OpKind) -> bool) -> bool {
        self.up.unwrap_or_default().iter().any(|op| test(&op.kind))
    }

    /// Whether all statements of the script become visible together or not at all.
    pub(crate) fn is_atomic(&self) -> bool {
        let has_own = self
            .script
            .ops
            .iter()
            .any(|op| matches!(op.kind, OpKind::Begin | OpKind::Commit));
        match self.database {
            // DDL commits by itself
            Database::Mysql => self.script.statements <= 1,
            Database::Sqlite => self.script.in_transaction || self.script.statements <= 1,
            // Several statements sent at once are one transaction, as the protocol has it.
            Database::Postgres => !has_own,
        }
    }

    /// Whether locks are held until the script ends: Diesel's transaction, or PostgreSQL's around statements sent at once.
    pub(crate) fn holds_its_locks(&self) -> bool {
        self.script.in_transaction || self.script.statements > 1
    }

    /// Whether a `BEGIN` of the script itself is open here.
    pub(crate) fn is_in_own_transaction(&self) -> bool {
        let mut is_open = false;
        for op in self.before() {
            match op.kind {
                OpKind::Begin => is_open = true,
                OpKind::Commit | OpKind::Rollback => is_open = false,
                _ => {}
            }
        }
        is_open
    }

    /// The lines of the statement that the operation is part of.
    pub(crate) fn statement_lines(&self) -> (usize, usize) {
        let line = self.script.ops.get(self.index).map_or(0, |op| op.at.line);
        let lines = &self.script.lines;
        let statement = lines
            .iter()
            .find(|(from, to)| (*from..=*to).contains(&line));
        statement.copied().unwrap_or((line, line))
    }

    /// Whether the script itself sets the setting again later.
    pub(crate) fn is_set_again(&self, name: &str) -> bool {
        self.behind()
            .iter()
            .any(|op| matches!(&op.kind, OpKind::Set { name: later, .. } if later == name))
    }
}

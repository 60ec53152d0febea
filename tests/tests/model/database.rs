//! One row, its two columns, and what statements and the safety net do to them.
//!
//! Statements take effect one after the other, so the last one that took effect is the truth, and of a value only one thing
//! matters: whether it is the truth or an earlier one. That keeps the states finite without counting writes.

use expand_contract::phase::rules::{Converter, Ddl, Reaction, Rules, Standing};
use expand_contract::phase::{Phase, Side};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Cell {
    /// The column does not exist.
    Missing,
    /// Nothing.
    Null,
    /// A value that another write has taken the place of.
    Stale,
    /// The last value written.
    Current,
}

/// When a trigger can set the other column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Triggers {
    /// Before the row is checked (PostgreSQL).
    Before,
    /// After it is written, so that NOT NULL is checked first (SQLite).
    After,
}

/// What the model is checked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Setting {
    pub(crate) converter: Converter,
    pub(crate) triggers: Triggers,
}

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Read,
    /// Leaves the columns alone that it does not name.
    Update,
    /// In place of the row: a column that it does not name is NULL.
    Insert,
    /// `INSERT … ON CONFLICT (the changed column) DO UPDATE`.
    Upsert,
}

/// A statement and the columns that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Statement {
    pub(crate) kind: Kind,
    pub(crate) reads: Side,
    pub(crate) writes_old: bool,
    pub(crate) writes_new: bool,
}

impl Statement {
    /// As code of this library builds it in the phase.
    pub(crate) fn of(phase: Phase, kind: Kind) -> Self {
        Statement {
            kind,
            reads: phase.reads(),
            writes_old: phase.writes_old(),
            writes_new: phase.writes_new(),
        }
    }

    /// Of a program that knows only this column.
    pub(crate) fn knowing_only(side: Side, kind: Kind) -> Self {
        Statement {
            kind,
            reads: side,
            writes_old: side == Side::Old,
            writes_new: side == Side::New,
        }
    }
}

/// How a statement ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It read what the column holds.
    Read(Cell),
    Written,
    /// A missing column, a NOT NULL, a refusal of the net: nothing has changed.
    Failed,
    /// An upsert while its arbiter changes: the library tries again.
    Again,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Database {
    pub(crate) standing: Standing,
    /// The barrier of the last publication is through.
    pub(crate) settled: bool,
    /// DDL that waits for it.
    pub(crate) pending: Vec<Ddl>,
    pub(crate) old: Cell,
    pub(crate) new: Cell,
    pub(crate) old_required: bool,
    pub(crate) new_required: bool,
    pub(crate) old_unique: bool,
    pub(crate) new_unique: bool,
    /// The form of the safety net, if there is one.
    pub(crate) net: Option<Standing>,
    /// The row's key waits to be converted.
    pub(crate) queued: bool,
    pub(crate) verified: bool,
    pub(crate) copied_back: bool,
}

impl Database {
    pub(crate) fn new() -> Self {
        Database {
            standing: Standing::Original,
            settled: true,
            pending: Vec::new(),
            old: Cell::Current,
            new: Cell::Missing,
            old_required: true,
            new_required: false,
            old_unique: true,
            new_unique: false,
            net: None,
            queued: false,
            verified: false,
            copied_back: false,
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.standing.phase()
    }

    pub(crate) fn cell(&self, side: Side) -> Cell {
        match side {
            Side::Old => self.old,
            Side::New | Side::Via => self.new,
        }
    }

    /// Whether no column holds the last value written.
    pub(crate) fn lost(&self) -> bool {
        self.old != Cell::Current && self.new != Cell::Current
    }

    /// The predicate of verify, triggers and copying.
    pub(crate) fn consistent(&self) -> bool {
        self.old == Cell::Current && self.new == Cell::Current
    }

    pub(crate) fn run(&mut self, statement: Statement, rules: &Rules, setting: Setting) -> Outcome {
        if statement.kind == Kind::Read {
            return match self.cell(statement.reads) {
                Cell::Missing => Outcome::Failed,
                cell => Outcome::Read(cell),
            };
        }
        let missing = |named: bool, cell: Cell| named && cell == Cell::Missing;
        if missing(statement.writes_old, self.old) || missing(statement.writes_new, self.new) {
            return Outcome::Failed;
        }
        // a trigger that names a column that is gone
        if self.net.is_some() && (self.old == Cell::Missing || self.new == Cell::Missing) {
            return Outcome::Failed;
        }
        if let Some(outcome) = self.uniqueness(statement) {
            return outcome;
        }
        if statement.writes_old && statement.writes_new {
            (self.old, self.new) = (Cell::Current, Cell::Current);
            return Outcome::Written;
        }
        let (written, other, required) = if statement.writes_old {
            (Side::Old, self.new, self.new_required)
        } else {
            (Side::New, self.old, self.old_required)
        };
        let reaction = self.net.map_or(Reaction::Leave, |form| {
            rules.reaction(form, written, setting.converter)
        });
        let insert = statement.kind == Kind::Insert;
        let filled_in_time = reaction == Reaction::Mirror && setting.triggers == Triggers::Before;
        let other = match (other, reaction) {
            (Cell::Missing, _) => Cell::Missing,
            (_, Reaction::Refuse) => return Outcome::Failed,
            _ if insert && required && !filled_in_time => return Outcome::Failed,
            (_, Reaction::Mirror) => Cell::Current,
            (Cell::Null, _) => Cell::Null,
            _ if insert => Cell::Null,
            _ => Cell::Stale,
        };
        self.queued |= reaction == Reaction::Queue;
        (self.old, self.new) = match written {
            Side::Old => (Cell::Current, other),
            Side::New | Side::Via => (other, Cell::Current),
        };
        Outcome::Written
    }

    /// What unique indexes make of a statement; none if nothing.
    ///
    /// With two of them an upsert fails on the one that is not its arbiter. And what is left in a column that nobody writes any
    /// more collides with values that are free. Between `Retired` and its barrier both are so for a moment, and while the old
    /// column is incomplete it has no index: that is not promised.
    fn uniqueness(&self, statement: Statement) -> Option<Outcome> {
        let handing_over = self.pending.contains(&Ddl::DropUniqueOld);
        if statement.kind == Kind::Upsert {
            let arbiter = if statement.writes_old {
                self.old_unique
            } else {
                self.new_unique
            };
            if !arbiter || (self.old_unique && self.new_unique) {
                let between = handing_over || self.standing == Standing::OldIncomplete;
                return Some(if between {
                    Outcome::Again
                } else {
                    Outcome::Failed
                });
            }
        }
        let left = self.old_unique && self.old == Cell::Stale && statement.writes_old;
        (statement.kind == Kind::Insert && left && !handing_over).then_some(Outcome::Failed)
    }

    /// Whether the database can do it.
    pub(crate) fn can(&self, ddl: Ddl) -> bool {
        match ddl {
            Ddl::AddNew => self.new == Cell::Missing,
            Ddl::DropNew | Ddl::FreeNew => self.new != Cell::Missing,
            Ddl::DropOld | Ddl::FreeOld => self.old != Cell::Missing,
            Ddl::RequireNew => !matches!(self.new, Cell::Missing | Cell::Null),
            Ddl::RequireOld => !matches!(self.old, Cell::Missing | Cell::Null),
            _ => true,
        }
    }

    /// Does it. Plain indexes, defaults and names are not in the model: real databases are asked about them.
    pub(crate) fn apply(&mut self, ddl: Ddl, standing: Standing) {
        match ddl {
            Ddl::AddNew => self.new = Cell::Null,
            Ddl::Net => self.net = Some(standing),
            Ddl::DropNet => self.net = None,
            Ddl::DropOld => {
                (self.old, self.old_required, self.old_unique) = (Cell::Missing, false, false);
            }
            Ddl::DropNew => {
                (self.new, self.new_required, self.new_unique) = (Cell::Missing, false, false);
            }
            Ddl::RequireNew => self.new_required = true,
            Ddl::FreeNew => self.new_required = false,
            Ddl::RequireOld => self.old_required = true,
            Ddl::FreeOld => self.old_required = false,
            Ddl::UniqueNew => self.new_unique = true,
            Ddl::DropUniqueOld => self.old_unique = false,
            Ddl::UniqueOld => (self.old_unique, self.new_unique) = (true, false),
            Ddl::PlainIndexes | Ddl::DefaultToNew | Ddl::TakeNames | Ddl::DefaultToOld => (),
            Ddl::AddMarker
            | Ddl::Watch
            | Ddl::StopWatching
            | Ddl::DropMarker
            | Ddl::Rename
            | Ddl::RenameBack => unreachable!("of renames in place"),
        }
        if self.old == Cell::Missing || self.new == Cell::Missing {
            self.queued = false;
        }
    }
}

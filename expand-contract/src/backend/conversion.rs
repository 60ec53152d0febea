//! What a conversion in Rust is asked for, and what it answers.

use std::time::Duration;

use crate::error::PoisonRow;

/// What to do with the rows of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Direction {
    /// Write new from old.
    Forward,
    /// Write old from new.
    Reverse,
    /// Only compare.
    Verify,
}

/// A range of rows for a `Converter`, as SQL.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Request {
    /// What to do.
    pub direction: Direction,
    /// The quoted table.
    pub table: String,
    /// The quoted old column.
    pub old: String,
    /// The quoted new column.
    pub new: String,
    /// The condition of the range.
    pub range: String,
    /// The values in it.
    pub range_binds: Vec<Option<String>>,
    /// Text expressions whose values find a row again.
    pub locator: Vec<String>,
    /// The condition on those values.
    pub row: String,
    /// A text expression that shows the primary key.
    pub key: String,
    /// Null-safe equality of `old` and a value: the SQL around the value.
    pub same_old: (String, String),
    /// Null-safe equality of `new` and a value: the SQL around the value.
    pub same_new: (String, String),
    /// `down(up(o)) = o` is promised.
    pub lossless: bool,
    /// The new column must have a value.
    pub not_null: bool,
    /// The key of a row in the queue, as SQL: to be reported for every row.
    pub queue_key: Option<String>,
    /// The condition that the row is for this direction: no trigger has left word of a later write of the other side.
    pub free: String,
    /// How many keys of rows that differ to report.
    pub samples: usize,
    /// Many values of the columns' types can be bound as one array, where the database has arrays.
    pub arrays: bool,
    /// A row that the database refuses is poison, and does not undo the others.
    pub apart: bool,
    /// How long it may take, where it holds the locks of rows.
    pub limit: Option<Duration>,
}

/// What a `Converter` did.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Outcome {
    /// Rows written (or, when comparing, rows that differ).
    pub changed: u64,
    /// Keys of rows that differ.
    pub samples: Vec<String>,
    /// Rows whose value does not convert.
    pub poison: Vec<PoisonRow>,
    /// The queue's keys of the rows that are consistent now.
    pub settled: Vec<String>,
}

//! What clients may ask of an instance: one line of JSON per request and per answer.

use serde::{Deserialize, Serialize};

/// An account, as clients see it. Of the column behind `contact` they know nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub id: i64,
    pub name: String,
    /// Unique.
    pub contact: String,
    /// Goes up by one with each write.
    pub revision: i64,
}

/// One statement.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Request {
    /// Are you ready?
    Health,
    /// A new row.
    Insert(Account),
    /// Writes all columns of the row with this key.
    Update(Account),
    /// Another contact, in a statement that names only what it changes.
    Rename {
        id: i64,
        contact: String,
        revision: i64,
    },
    /// Another revision; the contact stays.
    Touch { id: i64, revision: i64 },
    /// A new row, or, where the contact exists, its new revision.
    Upsert(Account),
    /// No row.
    Delete { id: i64 },
    /// The row with this key.
    Find { id: i64 },
    /// The row with this contact.
    FindByContact { contact: String },
}

/// What became of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Response {
    Ready,
    /// The row as it was read or (`RETURNING`) written; none if there was none.
    Row(Option<Account>),
    /// How many rows were deleted.
    Deleted(usize),
    /// What the database or the library said.
    Failed(String),
}

//! The rules that no single key can be held against: one function each, all of them run.
//!
//! Every error points at the token that is wrong and says what to write instead.

mod change;
mod migration;
mod record;

pub(crate) use change::change;
pub(crate) use migration::migration;
pub(crate) use record::{changed_field, not_a_foreign_key, record};

use crate::names;

/// What is wrong with `name` as an identifier of the database.
fn flaw_of_identifier(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("is empty".to_owned());
    }
    if name.contains('\0') {
        return Some("contains a NUL character, which no database accepts".to_owned());
    }
    if name.len() > names::MAX_IDENTIFIER_BYTES {
        return Some(format!(
            "has {} bytes, and PostgreSQL cuts identifiers after {} without an error",
            name.len(),
            names::MAX_IDENTIFIER_BYTES
        ));
    }
    None
}

//! Judges what is read by what was written.
//!
//! Every key has one writer at a time, and every write of it the next revision: 0, 1, 2, … So a read that began after
//! revision `a` was acknowledged, and ended before revision `b + 1` was begun, must return what one of the revisions
//! `a..=b` left, whichever instance or stranger was asked. What is older is stale; no row where all of `a..=b` left one
//! is lost; a row that no write left, or that is made of parts of two, is torn.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::api::Account;

/// What was found of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// One of the writes that it may show.
    Right,
    /// An acknowledged write is missing from it, and there is a row.
    Stale,
    /// An acknowledged write is missing from it, and there is no row.
    Lost,
    /// Nobody wrote that.
    Torn,
}

/// How the row was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    Key,
    Contact(String),
}

/// The lower end of what a read may return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since(usize);

/// All writes of all keys.
pub struct History {
    keys: Vec<Mutex<Key>>,
}

/// One key: what each revision left, by revision; `None`: no row.
#[derive(Debug)]
struct Key {
    states: Vec<Option<String>>,
    acknowledged: usize,
}

/// The name that the row of a key has for ever.
pub fn name(id: i64) -> String {
    format!("account {id}")
}

/// The contact that a revision of a key gives.
pub fn contact(id: i64, revision: i64) -> String {
    format!("{id}.{revision}@example.org")
}

impl History {
    /// Keys from 0 on; the first `rows` have a row at revision 0, the rest none.
    pub fn new(rows: usize, keys: usize) -> Self {
        let key = |index: usize| {
            let id = i64::try_from(index).unwrap_or(i64::MAX);
            Mutex::new(Key {
                states: vec![(index < rows).then(|| contact(id, 0))],
                acknowledged: 0,
            })
        };
        History {
            keys: (0..keys).map(key).collect(),
        }
    }

    /// How many keys there are.
    pub fn keys(&self) -> usize {
        self.keys.len()
    }

    /// What the last acknowledged write left: to say before a read is sent, and the base of the key's next write.
    pub fn now(&self, id: i64) -> (Since, Option<String>) {
        let key = self.key(id);
        (
            Since(key.acknowledged),
            key.states[key.acknowledged].clone(),
        )
    }

    /// The revision that the key's next write has to give.
    pub fn next_revision(&self, id: i64) -> i64 {
        i64::try_from(self.key(id).states.len()).unwrap_or(i64::MAX)
    }

    /// A write is about to be sent that will leave this contact, or no row.
    pub fn begin(&self, id: i64, leaves: Option<String>) {
        self.key(id).states.push(leaves);
    }

    /// The last write that was begun is acknowledged. (One that fails never is: it may be there or not.)
    pub fn acknowledge(&self, id: i64) {
        let mut key = self.key(id);
        key.acknowledged = key.states.len() - 1;
    }

    /// What a read returned.
    pub fn judge(&self, id: i64, since: Since, by: &By, found: Option<&Account>) -> Verdict {
        let key = self.key(id);
        let Since(first) = since;
        let Some(row) = found else {
            return key.judge_absence(first, by);
        };
        let wanted = match by {
            By::Key => row.id == id,
            By::Contact(contact) => row.id == id && row.contact == *contact,
        };
        if wanted && row.name == name(id) {
            key.judge_row(first, row)
        } else {
            Verdict::Torn
        }
    }

    /// What a write's own `RETURNING` gave: exactly what the write was to leave.
    pub fn judge_returned(&self, id: i64, found: Option<&Account>) -> Verdict {
        let last = Since(self.key(id).states.len() - 1);
        self.judge(id, last, &By::Key, found)
    }

    fn key(&self, id: i64) -> MutexGuard<'_, Key> {
        let index = usize::try_from(id).unwrap_or(usize::MAX);
        self.keys[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Key {
    fn judge_absence(&self, first: usize, by: &By) -> Verdict {
        let explains = |state: &Option<String>| match by {
            By::Key => state.is_none(),
            By::Contact(contact) => state.as_ref() != Some(contact),
        };
        if self.states[first..].iter().any(explains) {
            Verdict::Right
        } else {
            Verdict::Lost
        }
    }

    fn judge_row(&self, first: usize, row: &Account) -> Verdict {
        let left = |state: &Option<String>| state.as_ref() == Some(&row.contact);
        let Ok(revision) = usize::try_from(row.revision) else {
            return Verdict::Torn;
        };
        // the last revision that had this contact
        let Some(contact) = self.states.iter().rposition(left) else {
            return Verdict::Torn;
        };
        match self.states.get(revision) {
            None => Verdict::Torn,
            Some(state) if left(state) && revision >= first => Verdict::Right,
            _ if revision.min(contact) < first => Verdict::Stale,
            _ => Verdict::Torn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: i64, revision: i64, contact: &str) -> Account {
        Account {
            id,
            name: name(id),
            contact: contact.to_owned(),
            revision,
        }
    }

    /// Key 3: revision 0 as created, 1 another contact, 2 the same one, all acknowledged.
    fn history() -> History {
        let history = History::new(4, 5);
        for contact in ["a", "a"] {
            history.begin(3, Some(contact.to_owned()));
            history.acknowledge(3);
        }
        history
    }

    fn acknowledged(history: &History, id: i64) -> Since {
        history.now(id).0
    }

    fn read(history: &History, found: Option<&Account>) -> Verdict {
        history.judge(3, acknowledged(history, 3), &By::Key, found)
    }

    #[test]
    fn the_last_acknowledged_write_is_right() {
        assert_eq!(read(&history(), Some(&row(3, 2, "a"))), Verdict::Right);
        let fresh = history();
        let since = acknowledged(&fresh, 2);
        let created = row(2, 0, &contact(2, 0));
        assert_eq!(
            fresh.judge(2, since, &By::Key, Some(&created)),
            Verdict::Right
        );
        let since = acknowledged(&fresh, 4);
        assert_eq!(fresh.judge(4, since, &By::Key, None), Verdict::Right);
    }

    #[test]
    fn an_older_row_is_stale() {
        let history = history();
        assert_eq!(read(&history, Some(&row(3, 1, "a"))), Verdict::Stale);
        let first = row(3, 0, &contact(3, 0));
        assert_eq!(read(&history, Some(&first)), Verdict::Stale);
    }

    #[test]
    fn a_column_that_was_left_behind_is_stale() {
        // the copy of the contact was not written along: the revision is the last, the contact the first
        let behind = row(3, 2, &contact(3, 0));
        assert_eq!(read(&history(), Some(&behind)), Verdict::Stale);
    }

    #[test]
    fn no_row_is_lost_unless_it_was_deleted() {
        let history = history();
        assert_eq!(read(&history, None), Verdict::Lost);
        let since = acknowledged(&history, 3);
        history.begin(3, None);
        // begun: it may have happened or not
        assert_eq!(history.judge(3, since, &By::Key, None), Verdict::Right);
        assert_eq!(read(&history, Some(&row(3, 2, "a"))), Verdict::Right);
        history.acknowledge(3);
        assert_eq!(read(&history, None), Verdict::Right);
        assert_eq!(read(&history, Some(&row(3, 2, "a"))), Verdict::Stale);
    }

    #[test]
    fn a_write_during_the_read_may_show_and_need_not() {
        let history = history();
        let since = acknowledged(&history, 3);
        history.begin(3, Some("b".to_owned()));
        history.acknowledge(3);
        for found in [row(3, 2, "a"), row(3, 3, "b")] {
            assert_eq!(
                history.judge(3, since, &By::Key, Some(&found)),
                Verdict::Right
            );
        }
        // to the next read it has to show
        assert_eq!(read(&history, Some(&row(3, 2, "a"))), Verdict::Stale);
        // half of each, while both were possible
        for half in [row(3, 3, "a"), row(3, 2, "b")] {
            assert_eq!(
                history.judge(3, since, &By::Key, Some(&half)),
                Verdict::Torn
            );
        }
    }

    #[test]
    fn what_nobody_wrote_is_torn() {
        let history = history();
        let mut renamed = row(3, 2, "a");
        renamed.name = "somebody else".to_owned();
        let never = [
            row(3, 2, "z"),
            row(3, 9, "a"),
            row(3, -1, "a"),
            row(2, 0, &contact(2, 0)),
            renamed,
        ];
        for found in never {
            assert_eq!(read(&history, Some(&found)), Verdict::Torn, "{found:?}");
        }
    }

    #[test]
    fn a_row_is_found_by_its_contact_until_that_changes() {
        let history = history();
        let since = acknowledged(&history, 3);
        let by = By::Contact("a".to_owned());
        let found = row(3, 2, "a");
        assert_eq!(history.judge(3, since, &by, Some(&found)), Verdict::Right);
        assert_eq!(history.judge(3, since, &by, None), Verdict::Lost);
        history.begin(3, Some("b".to_owned()));
        assert_eq!(history.judge(3, since, &by, None), Verdict::Right);
        // it has that contact no more, and was found by another index than it was read from
        let other = row(3, 3, "b");
        assert_eq!(history.judge(3, since, &by, Some(&other)), Verdict::Torn);
    }

    #[test]
    fn a_failed_write_may_be_there_until_the_next_is_acknowledged() {
        let history = history();
        history.begin(3, Some("b".to_owned()));
        for found in [row(3, 2, "a"), row(3, 3, "b")] {
            assert_eq!(read(&history, Some(&found)), Verdict::Right);
        }
        history.begin(3, Some("c".to_owned()));
        history.acknowledge(3);
        assert_eq!(read(&history, Some(&row(3, 3, "b"))), Verdict::Stale);
        assert_eq!(read(&history, Some(&row(3, 4, "c"))), Verdict::Right);
        assert_eq!(history.now(3), (Since(4), Some("c".to_owned())));
    }

    #[test]
    fn a_write_returns_itself_and_nothing_else() {
        let history = history();
        history.begin(3, Some("b".to_owned()));
        let returned = |found: Option<Account>| history.judge_returned(3, found.as_ref());
        assert_eq!(returned(Some(row(3, 3, "b"))), Verdict::Right);
        assert_eq!(returned(Some(row(3, 2, "a"))), Verdict::Stale);
        // the row to update was not there
        assert_eq!(returned(None), Verdict::Lost);
    }
}

//! What was found: in a process, and on record.

use std::fmt;

/// What a process has counted and not reported yet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Rows whose columns were compared.
    pub samples: u64,
    /// Rows whose columns differed.
    pub mismatches: u64,
    /// The key of the first of them.
    pub key: Option<String>,
    /// Comparisons that failed since the process began; they count for nothing.
    pub failures: u64,
    /// What the last of them said.
    pub last_failure: Option<String>,
    // the expand under which it was counted
    pub(super) round: Option<i64>,
}

/// A part of [`Counts`] on its way to the ledger.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pending {
    /// The expand under which it was counted; none: whichever is in force.
    pub(crate) round: Option<i64>,
    pub(crate) samples: u64,
    pub(crate) mismatches: u64,
    pub(crate) key: Option<String>,
}

impl Counts {
    pub(super) const NONE: Counts = Counts {
        samples: 0,
        mismatches: 0,
        key: None,
        failures: 0,
        last_failure: None,
        round: None,
    };

    pub(super) fn add(&mut self, counted: Pending) {
        if let (Some(before), Some(now)) = (self.round, counted.round) {
            // what was counted under another expand says nothing about this one
            if now < before {
                return;
            }
            if now > before {
                (self.samples, self.mismatches, self.key) = (0, 0, None);
            }
        }
        self.round = counted.round.or(self.round);
        self.samples += counted.samples;
        self.mismatches += counted.mismatches;
        if self.key.is_none() {
            self.key = counted.key;
        }
    }

    pub(super) fn take(&mut self) -> Option<Pending> {
        if self.samples == 0 && self.mismatches == 0 {
            return None;
        }
        Some(Pending {
            round: self.round.take(),
            samples: std::mem::take(&mut self.samples),
            mismatches: std::mem::take(&mut self.mismatches),
            key: self.key.take(),
        })
    }
}

/// A row whose columns differ.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mismatch {
    /// The migration.
    pub migration: String,
    /// Who read it.
    pub reader: String,
    /// Its primary key, as text.
    pub key: Option<String>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key.as_deref().unwrap_or("unknown");
        write!(
            f,
            "migration `{}`: the columns of row {key} differ, read by {}",
            self.migration, self.reader
        )
    }
}

/// What all readers have reported since `expand`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShadowReads {
    /// Rows whose columns were compared.
    pub samples: u64,
    /// Rows whose columns differed.
    pub mismatches: u64,
    /// Per reader that found one, the key of one.
    pub differing: Vec<Mismatch>,
}

/// This process for people: the program and the host.
pub(super) fn reader() -> String {
    let program = std::env::current_exe().ok();
    let program = program
        .as_deref()
        .and_then(|path| path.file_name())
        .map_or_else(|| "unknown".into(), |name| name.to_string_lossy());
    match crate::host::host() {
        Some(host) => format!("{program}@{host}"),
        None => program.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(round: i64, samples: u64) -> Pending {
        Pending {
            round: Some(round),
            samples,
            mismatches: 0,
            key: None,
        }
    }

    #[test]
    fn what_was_counted_under_an_earlier_expand_is_forgotten() {
        let mut counts = Counts::NONE;
        counts.add(counted(0, 5));
        counts.add(counted(3, 2));
        counts.add(counted(0, 7));
        let taken = counts.take().expect("there is something");
        assert_eq!((taken.round, taken.samples), (Some(3), 2));
        assert!(counts.take().is_none());
    }
}

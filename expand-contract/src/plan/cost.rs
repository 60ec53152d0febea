//! What the actions of a plan do to the table, and about how long that takes.

use std::fmt;
use std::time::Duration;

use super::{Action, Kind};
use crate::definition::Dialect;

/// What an action does to the table's rows. What is listed later is more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Effect {
    /// Nothing: it waits for somebody, or asks.
    Waits,
    /// Nothing: it changes what the catalogue says of the table, which takes no time once it has the lock.
    Catalogue,
    /// Reads a sample of the rows.
    Samples,
    /// Reads every row.
    Scans,
    /// Reads every row and builds an index.
    BuildsIndex,
    /// Writes rows where they are, in short transactions; on PostgreSQL a new version of each.
    WritesRows,
    /// Writes the whole table anew, in one transaction.
    Rewrites,
}

impl Effect {
    /// Whether every row is read.
    pub const fn scans(self) -> bool {
        matches!(
            self,
            Effect::Scans | Effect::BuildsIndex | Effect::WritesRows | Effect::Rewrites
        )
    }

    /// Whether the whole table is written anew.
    pub const fn rewrites(self) -> bool {
        matches!(self, Effect::Rewrites)
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Effect::Waits => "touches no row",
            Effect::Catalogue => "changes the catalogue only",
            Effect::Samples => "reads a sample of the rows",
            Effect::Scans => "reads every row",
            Effect::BuildsIndex => "reads every row and builds an index",
            Effect::WritesRows => "writes rows in batches",
            Effect::Rewrites => "writes the table anew",
        })
    }
}

/// Where an [`Estimate`] comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Basis {
    /// An earlier run of the same kind on this table, whose rate the ledger has.
    Measured,
    /// A rate that was assumed: 25,000 rows per second for a copy, 200,000 for a comparison, 300,000 for an index, 500,000
    /// for a scan or a rewrite by one statement. They are on the slow side for rows of about a hundred bytes on a disk of
    /// its own; wide rows, many indexes and slow conversions take longer.
    Assumed,
}

/// About how long an action takes once it has begun, without waits: for locks, instances, transactions and throttles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Estimate {
    /// How long.
    pub duration: Duration,
    /// How that is known.
    pub basis: Basis,
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.duration.as_secs();
        match (seconds, self.basis) {
            (0, Basis::Assumed) => return f.write_str("a moment"),
            (0, _) => f.write_str("a moment")?,
            (1..=119, _) => write!(f, "about {seconds} s")?,
            (120..=7_199, _) => write!(f, "about {} min", seconds / 60)?,
            _ => write!(f, "about {} h", seconds / 3_600)?,
        }
        f.write_str(match self.basis {
            Basis::Measured => " (as measured in an earlier run)",
            Basis::Assumed => " (at an assumed rate)",
        })
    }
}

/// How large a table is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Size {
    pub(crate) rows: Option<u64>,
    pub(crate) bytes: Option<u64>,
}

/// Rows per second of earlier runs.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rates {
    pub(crate) copy: Option<u64>,
    pub(crate) compare: Option<u64>,
}

/// Fills in what the actions do to a table of that size.
pub(crate) fn annotate(actions: &mut [Action], dialect: Dialect, size: Size, rates: Rates) {
    for action in actions {
        action.effect = effect(action, dialect);
        let size = action.part.unwrap_or(size);
        if action.effect > Effect::Samples {
            action.rows = size.rows;
            action.bytes = size.bytes;
        }
        action.estimate = estimate(action, size.rows, rates);
    }
}

fn effect(action: &Action, dialect: Dialect) -> Effect {
    let least = match action.kind {
        Kind::Backfill { .. } => return Effect::WritesRows,
        Kind::Verify => return Effect::Scans,
        Kind::AwaitSnapshots | Kind::Barrier { .. } | Kind::Queue => Effect::Waits,
        _ => Effect::Catalogue,
    };
    let statements = action.sql.iter();
    statements
        .map(|sql| statement(sql, dialect))
        .max()
        .map_or(least, |most| most.max(least))
}

fn estimate(action: &Action, rows: Option<u64>, rates: Rates) -> Option<Estimate> {
    let (rate, measured) = match action.effect {
        Effect::Waits => return None,
        Effect::Catalogue | Effect::Samples => {
            return Some(Estimate {
                duration: Duration::ZERO,
                basis: Basis::Assumed,
            })
        }
        Effect::WritesRows => (25_000, rates.copy),
        Effect::Scans if action.kind == Kind::Verify => (200_000, rates.compare),
        Effect::BuildsIndex => (300_000, None),
        Effect::Scans | Effect::Rewrites => (500_000, None),
    };
    let seconds = rows? / measured.unwrap_or(rate).max(1);
    Some(Estimate {
        duration: Duration::from_secs(seconds),
        basis: match measured {
            Some(_) => Basis::Measured,
            None => Basis::Assumed,
        },
    })
}

/// The keywords of a statement that this library made: what is in quotes is a name or a value.
fn words(sql: &str) -> Vec<String> {
    let (mut out, mut word) = (Vec::new(), String::new());
    let mut quote = None;
    for c in sql.chars().chain([' ']) {
        match quote {
            Some(end) if c == end => quote = None,
            Some(_) => {}
            None if matches!(c, '"' | '\'' | '`') => quote = Some(c),
            None if c.is_alphanumeric() || c == '_' => {
                word.extend(c.to_uppercase());
                continue;
            }
            None => {}
        }
        if !word.is_empty() {
            out.push(std::mem::take(&mut word));
        }
    }
    out
}

/// What one statement of a plan does to the rows.
fn statement(sql: &str, dialect: Dialect) -> Effect {
    let sqlite = dialect == Dialect::Sqlite;
    if let Some(comment) = sql.trim_start().strip_prefix("--") {
        // a column that becomes NOT NULL is checked row by row
        let gets = words(comment);
        let not_null = gets.windows(3).any(|part| part == ["GETS", "NOT", "NULL"]);
        return match (sqlite && not_null, gets.first().map(String::as_str)) {
            (true, _) => Effect::Scans,
            (false, Some("SQLITE_SCHEMA")) => Effect::Catalogue,
            (false, _) => Effect::Waits,
        };
    }
    let words = words(sql);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let has = |part: &[&str]| words.windows(part.len()).any(|window| window == part);
    match words.as_slice() {
        // of a partitioned table, which has no rows of its own
        ["CREATE", "INDEX", ..] | ["CREATE", "UNIQUE", "INDEX", ..] if has(&["ON", "ONLY"]) => {
            Effect::Catalogue
        }
        ["ALTER", "TABLE", "ONLY", ..] if has(&["UNIQUE"]) => Effect::Catalogue,
        ["CREATE", "INDEX", ..] | ["CREATE", "UNIQUE", "INDEX", ..] | ["REINDEX", ..] => {
            Effect::BuildsIndex
        }
        // SQLite reads all of it unless `analysis_limit` is set
        ["ANALYZE", ..] if sqlite => Effect::Scans,
        ["ANALYZE", ..] => Effect::Samples,
        ["SELECT", ..] | ["WITH", ..] => Effect::Waits,
        ["UPDATE" | "INSERT" | "DELETE", ..] => Effect::WritesRows,
        ["ALTER", "TABLE", ..] => {
            let key = has(&["UNIQUE"]) || has(&["PRIMARY", "KEY"]);
            let constraint = has(&["CHECK"]) || has(&["FOREIGN", "KEY"]);
            if has(&["ALTER", "COLUMN"]) && has(&["TYPE"])
                || has(&["ADD", "COLUMN"]) && has(&["GENERATED"])
            {
                Effect::Rewrites
            } else if sqlite && has(&["DROP", "COLUMN"]) {
                // the column's values are taken out of every row
                Effect::Rewrites
            } else if has(&["ADD", "CONSTRAINT"]) && key && !has(&["USING", "INDEX"]) {
                Effect::BuildsIndex
            } else if has(&["VALIDATE", "CONSTRAINT"])
                || has(&["ADD", "CONSTRAINT"]) && constraint && !has(&["NOT", "VALID"])
            {
                Effect::Scans
            } else {
                // SET NOT NULL too: a CHECK that was validated before saves the scan
                Effect::Catalogue
            }
        }
        _ => Effect::Catalogue,
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n  ", self.step, self.name)?;
        match self.lock {
            "none" => f.write_str("no lock")?,
            lock => write!(f, "lock {lock}")?,
        }
        write!(f, "; {}", self.effect)?;
        if self.effect > Effect::Samples {
            match (self.rows, self.bytes) {
                (Some(rows), Some(bytes)) => write!(f, " (about {rows} rows, {})", Bytes(bytes))?,
                (Some(rows), None) => write!(f, " (about {rows} rows)")?,
                (None, Some(bytes)) => write!(f, " ({})", Bytes(bytes))?,
                (None, None) => {}
            }
        }
        if let Some(estimate) = self.estimate {
            write!(f, "; {estimate}")?;
        }
        for sql in &self.sql {
            for line in sql.lines() {
                write!(f, "\n  {line}")?;
            }
        }
        Ok(())
    }
}

struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut size, mut unit) = (self.0, "bytes");
        for next in ["KiB", "MiB", "GiB", "TiB"] {
            if size < 10 * 1_024 {
                break;
            }
            (size, unit) = (size / 1_024, next);
        }
        write!(f, "{size} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_known_by_its_keywords_and_not_by_its_names() {
        let postgres = |sql: &str| statement(sql, Dialect::Postgres);
        for (sql, effect) in [
            (
                "ALTER TABLE \"t\" ADD COLUMN \"type\" bytea",
                Effect::Catalogue,
            ),
            ("ALTER TABLE \"t\" DROP COLUMN \"CHECK\"", Effect::Catalogue),
            (
                "ALTER TABLE t ADD CONSTRAINT \"x\" CHECK (\"a\" IS NOT NULL) NOT VALID",
                Effect::Catalogue,
            ),
            (
                "ALTER TABLE t ADD CONSTRAINT x CHECK (a > 0)",
                Effect::Scans,
            ),
            ("ALTER TABLE t VALIDATE CONSTRAINT \"x\"", Effect::Scans),
            (
                "ALTER TABLE t ALTER COLUMN a SET NOT NULL",
                Effect::Catalogue,
            ),
            ("ALTER TABLE t ALTER COLUMN a TYPE bigint", Effect::Rewrites),
            (
                "ALTER TABLE t ADD CONSTRAINT x UNIQUE USING INDEX x DEFERRABLE",
                Effect::Catalogue,
            ),
            (
                "ALTER TABLE t ADD CONSTRAINT x UNIQUE (a)",
                Effect::BuildsIndex,
            ),
            (
                "CREATE UNIQUE INDEX CONCURRENTLY \"i\" ON t (a)",
                Effect::BuildsIndex,
            ),
            (
                "DROP INDEX CONCURRENTLY \"CREATE INDEX\"",
                Effect::Catalogue,
            ),
            ("ANALYZE \"t\"", Effect::Samples),
            (
                "-- until every instance has acknowledged the phase",
                Effect::Waits,
            ),
            (
                "CREATE TRIGGER \"~x\" BEFORE UPDATE ON t EXECUTE FUNCTION f()",
                Effect::Catalogue,
            ),
            (
                "COMMENT ON COLUMN t.a IS 'ALTER TABLE t ALTER COLUMN a TYPE x'",
                Effect::Catalogue,
            ),
        ] {
            assert_eq!(postgres(sql), effect, "{sql}");
        }
        let sqlite = |sql: &str| statement(sql, Dialect::Sqlite);
        assert_eq!(
            sqlite("ALTER TABLE \"t\" DROP COLUMN \"a\""),
            Effect::Rewrites
        );
        assert_eq!(sqlite("ANALYZE \"t\""), Effect::Scans);
        let gets = "-- sqlite_schema: column a gets NOT NULL, has no default";
        assert_eq!(sqlite(gets), Effect::Scans);
        let loses = "-- sqlite_schema: column a loses NOT NULL, has no default";
        assert_eq!(sqlite(loses), Effect::Catalogue);
    }

    #[test]
    fn sizes_and_times_are_for_people() {
        assert_eq!(Bytes(10_000).to_string(), "10000 bytes");
        assert_eq!(Bytes(123 << 30).to_string(), "123 GiB");
        let about = |seconds, basis| {
            let duration = Duration::from_secs(seconds);
            Estimate { duration, basis }.to_string()
        };
        assert_eq!(about(0, Basis::Assumed), "a moment");
        assert_eq!(about(90, Basis::Assumed), "about 90 s (at an assumed rate)");
        assert_eq!(
            about(4_000, Basis::Measured),
            "about 66 min (as measured in an earlier run)"
        );
    }
}

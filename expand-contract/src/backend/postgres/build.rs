//! `CREATE INDEX CONCURRENTLY` and `DROP INDEX CONCURRENTLY`.
//!
//! They run in no transaction and hold up no reader or writer, but wait for everybody's old snapshots: under a `lock_timeout`
//! any report that runs at night would leave an invalid index, which is written all the same. So they run without limits, on
//! one server process.
//!
//! No transaction of theirs can ask for the lease. So an index is built under a name that has the runner's token in it, and
//! gets its own name in a transaction that does ask: whoever has lost the lease can leave a stray index, but none that
//! anybody takes for the right one. The name also has a hash of the statement, by which a later runner knows whether what a
//! lost one has built to the end is what it wants.

use super::quote;
use std::time::Duration;

use super::{one, Server};
use crate::backend::builder::{Builder, Building, Built, Outside};
use crate::backend::session::{Session, BIND};
use crate::catalogue::Table;
use crate::error::{Error, While};
use crate::ledger;
use crate::plan::Work;
use crate::waiting::Transaction;

const PREFIX: &str = "expand_contract_build_";

/// The settings that would end a long statement; the last is of version 17.
const LIMITS: &str = "('lock_timeout', 'statement_timeout', 'transaction_timeout')";

/// The parts of a statement that [`Rules::create_index`](crate::backend::rules::Rules::create_index) has made.
#[derive(Debug, PartialEq, Eq)]
struct Create<'s> {
    head: &'static str,
    name: String,
    rest: &'s str,
}

impl<'s> Create<'s> {
    /// None for other statements.
    fn of(sql: &'s str) -> Option<Self> {
        let heads = [
            "CREATE INDEX CONCURRENTLY ",
            "CREATE UNIQUE INDEX CONCURRENTLY ",
        ];
        let (head, quoted) = heads
            .into_iter()
            .find_map(|head| Some((head, sql.strip_prefix(head)?)))?;
        let mut name = String::new();
        let mut chars = quoted.strip_prefix('"')?.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if c != '"' {
                name.push(c);
            } else if chars.next_if(|(_, next)| *next == '"').is_some() {
                name.push('"');
            } else {
                // behind the first quote and this one
                let rest = &quoted[at + 2..];
                return rest
                    .starts_with(" ON ")
                    .then_some(Create { head, name, rest });
            }
        }
        None
    }

    /// What two runners that want the same index have in common.
    fn hash(&self, table: &Table) -> u64 {
        ledger::hash(&format!(
            "{} {}{}{}",
            table.id,
            self.head,
            quote(&self.name),
            self.rest
        ))
    }
}

fn built_name(token: i64, hash: u64) -> String {
    format!("{PREFIX}{token}_{hash:016x}")
}

/// The hash in the name of a build, whoever's it is.
fn hash_of(name: &str) -> Option<u64> {
    let (token, hash) = name.strip_prefix(PREFIX)?.split_once('_')?;
    token.parse::<i64>().ok()?;
    match hash.len() {
        16 => u64::from_str_radix(hash, 16).ok(),
        _ => None,
    }
}

/// Whether the index is a build that has no name of its own yet.
pub(super) fn is_build(name: &str) -> bool {
    hash_of(name).is_some()
}

/// Names and validity of the builds on the table and its partitions.
fn builds(s: &mut dyn Session, table: &Table) -> Result<Vec<(String, bool)>, Error> {
    let sql = format!(
        "SELECT c.relname::text, i.indisvalid::text FROM pg_catalog.pg_index i \
         JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
         WHERE i.indrelid IN (SELECT id FROM {} q) AND starts_with(c.relname, '{PREFIX}') ORDER BY 1",
        super::lock::family(table)
    );
    let rows = s.rows(&sql, &[]).during("looking for index builds")?;
    let build = |row: Vec<Option<String>>| {
        let mut row = row.into_iter().flatten();
        let name = row.next()?;
        let valid = row.next().as_deref() == Some("true");
        is_build(&name).then_some((name, valid))
    };
    Ok(rows.into_iter().filter_map(build).collect())
}

/// Timeouts that come back when the statement is over, or the caller's stack unwinds.
struct Unlimited<'s> {
    s: &'s mut dyn Session,
    before: Vec<(String, String)>,
}

impl<'s> Unlimited<'s> {
    fn begin(s: &'s mut dyn Session) -> Result<Self, Error> {
        let sql =
            format!("SELECT name, current_setting(name) FROM pg_settings WHERE name IN {LIMITS}");
        let rows = s.rows(&sql, &[]).during("reading timeouts")?;
        let pair = |row: Vec<Option<String>>| {
            let mut row = row.into_iter().flatten();
            Some((row.next()?, row.next()?))
        };
        let unlimited = Unlimited {
            before: rows.into_iter().filter_map(pair).collect(),
            s,
        };
        // on failure as well: some may be set already
        let sql =
            format!("SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN {LIMITS}");
        unlimited.s.rows(&sql, &[]).during("setting timeouts")?;
        Ok(unlimited)
    }

    fn restore(&mut self) -> Result<(), Error> {
        for (name, value) in std::mem::take(&mut self.before) {
            let sql = format!("SELECT set_config({BIND}, {BIND}, false)");
            let restored = self.s.rows(&sql, &[Some(name), Some(value)]);
            restored.during("restoring timeouts")?;
        }
        Ok(())
    }
}

impl Drop for Unlimited<'_> {
    fn drop(&mut self) {
        self.restore().ok();
    }
}

impl Builder for Server {
    fn outside(
        &self,
        s: &mut dyn Session,
        table: &Table,
        work: &[Work],
        token: i64,
    ) -> Result<Outside, Error> {
        let left = builds(s, table)?;
        let mut out = Outside {
            statements: Vec::new(),
            built: None,
        };
        for piece in work {
            let Work::Sql(sql) = piece else { continue };
            let Some(create) = Create::of(sql) else {
                out.statements.push(sql.clone());
                continue;
            };
            let hash = create.hash(table);
            let same = |name: &str| hash_of(name) == Some(hash);
            let mut done = None;
            for (name, valid) in left.iter().filter(|(name, _)| same(name)) {
                if *valid && done.is_none() {
                    done = Some(name.clone());
                } else {
                    out.statements.push(self.drop_built(table, name, true));
                }
            }
            let under = match done {
                Some(done) => done,
                None => {
                    let under = built_name(token, hash);
                    let (head, rest) = (create.head, create.rest);
                    out.statements
                        .push(format!("{head}{}{rest}", quote(&under)));
                    under
                }
            };
            out.built = Some(Built {
                under,
                name: create.name,
            });
        }
        Ok(out)
    }

    fn is_build(&self, name: &str) -> bool {
        is_build(name)
    }

    fn left_over(&self, s: &mut dyn Session, table: &Table) -> Result<Vec<String>, Error> {
        let left = builds(s, table)?;
        Ok(left.into_iter().map(|(name, _)| name).collect())
    }

    fn alone(&self, s: &mut dyn Session, sql: &str) -> Result<(), Error> {
        let mut unlimited = Unlimited::begin(s)?;
        let result = unlimited.s.batch(sql).during(sql);
        // the first error is the one to report
        result.and(unlimited.restore())
    }

    fn drop_built(&self, table: &Table, name: &str, live: bool) -> String {
        use crate::backend::rules::Rules;
        super::rules::Postgres.drop_index(table, name, live)
    }

    fn name_built(
        &self,
        s: &mut dyn Session,
        table: &Table,
        built: &Built,
    ) -> Result<String, Error> {
        let sql = format!(
            "SELECT i.indexrelid::regclass::text FROM pg_catalog.pg_index i \
             JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
             WHERE i.indrelid IN (SELECT id FROM {} q) AND c.relname = {BIND} AND i.indisvalid",
            super::lock::family(table)
        );
        let rows = s
            .rows(&sql, &[Some(built.under.clone())])
            .during("looking for the index")?;
        let found = one(rows).ok_or_else(|| match &table.partitions {
            // its partition is none of the table's any more
            Some(_) => Error::PartitionsChanged {
                table: table.name.to_string(),
            },
            None => Error::Unexpected {
                what: format!("the build of index {}, which is not there", built.name),
            },
        })?;
        Ok(format!(
            "ALTER INDEX {found} RENAME TO {}",
            quote(&built.name)
        ))
    }

    fn process(&self, s: &mut dyn Session) -> Result<i64, Error> {
        let rows = s.rows("SELECT pg_backend_pid()::text", &[]);
        let pid = one(rows.during("asking for the server process")?);
        pid.and_then(|pid| pid.parse().ok())
            .ok_or_else(|| Error::Unexpected {
                what: "pg_backend_pid()".to_owned(),
            })
    }

    fn building(&self, s: &mut dyn Session, process: i64) -> Result<Option<Building>, Error> {
        let sql = format!(
            "SELECT p.phase, p.lockers_done::text, p.lockers_total::text, p.blocks_done::text, p.blocks_total::text, \
               p.tuples_done::text, p.tuples_total::text, a.pid::text, nullif(a.application_name, ''), a.usename::text, \
               a.state, trunc(extract(epoch FROM clock_timestamp() - a.xact_start))::bigint::text, \
               left(nullif(nullif(a.query, ''), '<insufficient privilege>'), 200) \
             FROM pg_catalog.pg_stat_progress_create_index p \
             LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = nullif(p.current_locker_pid, 0) WHERE p.pid = {process}"
        );
        let rows = s.rows(&sql, &[]).during("looking at an index build")?;
        let Some(row) = rows.into_iter().next() else {
            return Ok(None);
        };
        let mut row = row.into_iter();
        let mut next = || row.next().flatten();
        let phase = next().unwrap_or_default();
        let mut number = || next().and_then(|n| n.parse().ok()).unwrap_or(0);
        let lockers = (number(), number());
        let blocks = (number(), number());
        let tuples = (number(), number());
        let pid: Option<i64> = next().and_then(|pid| pid.parse().ok());
        let waits_for = pid.map(|pid| Transaction {
            pid: Some(pid),
            name: format!("pid {pid}"),
            application: next(),
            role: next(),
            state: next(),
            age: next()
                .and_then(|age| age.parse().ok())
                .map(Duration::from_secs),
            query: next(),
        });
        Ok(Some(Building {
            phase,
            lockers,
            blocks,
            tuples,
            waits_for,
        }))
    }

    fn builders(&self, s: &mut dyn Session, table: &Table) -> Result<Vec<i64>, Error> {
        // whose table it is, the view tells those only who may see more of the role
        let sql = format!(
            "SELECT DISTINCT p.pid::text FROM pg_catalog.pg_stat_progress_create_index p \
             JOIN pg_catalog.pg_locks l ON l.pid = p.pid AND l.locktype = 'relation' \
             WHERE p.datname = current_database() AND l.relation IN (SELECT id FROM {} q) \
             AND l.mode = 'ShareUpdateExclusiveLock' AND p.pid <> pg_backend_pid()",
            super::lock::family(table)
        );
        let rows = s.rows(&sql, &[]).during("looking for index builds")?;
        let pids = rows.into_iter().flatten().flatten();
        Ok(pids.filter_map(|pid| pid.parse().ok()).collect())
    }

    fn cancel(&self, s: &mut dyn Session, process: i64) {
        // a build that goes on is found by the next runner
        s.rows(&format!("SELECT pg_cancel_backend({process})::text"), &[])
            .ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_comes_out_of_the_statement() {
        let of = |sql| Create::of(sql).map(|create| (create.head, create.name, create.rest));
        assert_eq!(
            of("CREATE INDEX CONCURRENTLY \"a\" ON \"t\" USING btree (\"b\")"),
            Some((
                "CREATE INDEX CONCURRENTLY ",
                "a".to_owned(),
                " ON \"t\" USING btree (\"b\")"
            ))
        );
        assert_eq!(
            of("CREATE UNIQUE INDEX CONCURRENTLY \"Größe \"\" ON \" ON \"t\" (x)"),
            Some((
                "CREATE UNIQUE INDEX CONCURRENTLY ",
                "Größe \" ON ".to_owned(),
                " ON \"t\" (x)"
            ))
        );
        for other in [
            "DROP INDEX CONCURRENTLY IF EXISTS \"a\"",
            "CREATE INDEX \"a\" ON \"t\" (x)",
            "CREATE INDEX CONCURRENTLY \"a ON t (x)",
            "CREATE INDEX CONCURRENTLY a ON t (x)",
            "CREATE INDEX CONCURRENTLY \"a\"",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn builds_are_known_by_their_names() {
        let longest = built_name(i64::MAX, u64::MAX);
        assert!(longest.len() <= 63, "{longest}");
        assert_eq!(hash_of(&longest), Some(u64::MAX));
        assert_eq!(hash_of(&built_name(7, 1)), Some(1));
        for other in [
            "users_email",
            "expand_contract_build_",
            "expand_contract_build_1",
            "expand_contract_build_1_",
            "expand_contract_build_1_00ff",
            "expand_contract_build_x_00000000000000ff",
            "expand_contract_build_1_00000000000000zz",
        ] {
            assert!(!is_build(other), "{other}");
        }
    }
}

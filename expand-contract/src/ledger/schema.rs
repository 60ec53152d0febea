//! The ledger's own tables: created once, versioned, only ever added to.

use std::time::Instant;

use crate::backend::driver::{driver, Driver};
use crate::backend::session::{transaction, Session};
use crate::definition::Dialect;
use crate::error::{Error, While};
use crate::runner::backoff;

/// The version this release writes.
pub(crate) const VERSION: u32 = 2;

/// The oldest version whose binaries may serve on a ledger of this one; what has come since is additive for them. They
/// may not move a migration: only a runner of the ledger's version knows everything that a step has to look at.
pub(crate) const READABLE_BY: u32 = 1;

/// Where the ledger is, for people.
pub(crate) const fn place(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => "schema expand_contract",
        Dialect::Sqlite => "tables expand_contract_*",
    }
}

/// A ledger table's name in SQL.
pub(crate) fn table(dialect: Dialect, name: &str) -> String {
    match dialect {
        Dialect::Postgres => format!("expand_contract.{name}"),
        Dialect::Sqlite => format!("expand_contract_{name}"),
    }
}

const TABLES: &[(&str, &str)] = &[
    // one row; `epoch` counts the phases published in this database, of all migrations
    ("meta", "version integer NOT NULL"),
    // never holds a row: it is locked
    ("gate", "unused integer"),
    (
        "migrations",
        "id text NOT NULL, generation integer NOT NULL, table_name text NOT NULL, pass integer NOT NULL, \
         phase text NOT NULL, old_incomplete integer NOT NULL DEFAULT 0, cleanup integer NOT NULL DEFAULT 0, \
         epoch bigint NOT NULL DEFAULT 0, definition text NOT NULL, definition_hash text NOT NULL, \
         reads text NOT NULL, writes text NOT NULL, backfilled integer NOT NULL DEFAULT 0, \
         verified integer NOT NULL DEFAULT 0, mismatches bigint, runner text, \
         created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP, \
         updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (id, generation)",
    ),
    (
        "columns",
        "id text NOT NULL, generation integer NOT NULL, change integer NOT NULL, old_type text NOT NULL, \
         old_collate text NOT NULL, old_not_null integer NOT NULL, old_default text, old_definition text NOT NULL, \
         PRIMARY KEY (id, generation, change)",
    ),
    (
        "saved_indexes",
        "id text NOT NULL, generation integer NOT NULL, name text NOT NULL, copy text NOT NULL, constraint_sql text, \
         restore_sql text NOT NULL, renamed_sql text NOT NULL, plain_sql text NOT NULL, \
         PRIMARY KEY (id, generation, name)",
    ),
    (
        "saved_checks",
        "id text NOT NULL, generation integer NOT NULL, name text NOT NULL, copy text NOT NULL, \
         restore_sql text NOT NULL, validated integer NOT NULL, PRIMARY KEY (id, generation, name)",
    ),
    (
        "actions",
        "id text NOT NULL, generation integer NOT NULL, epoch bigint NOT NULL, step text NOT NULL, \
         action text NOT NULL, runner text NOT NULL, token bigint NOT NULL, \
         at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP",
    ),
    (
        "progress",
        "id text NOT NULL, generation integer NOT NULL, direction text NOT NULL, rows_changed bigint NOT NULL, \
         batches bigint NOT NULL, updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP, \
         PRIMARY KEY (id, generation, direction)",
    ),
    (
        "quarantine",
        "id text NOT NULL, generation integer NOT NULL, row_key text NOT NULL, reason text NOT NULL",
    ),
    (
        "runners",
        "table_name text NOT NULL PRIMARY KEY, holder text NOT NULL, token bigint NOT NULL, \
         renewals bigint NOT NULL, held integer NOT NULL",
    ),
    (
        "cursors",
        "id text NOT NULL, generation integer NOT NULL, slot text NOT NULL, position integer NOT NULL, \
         value {any}, PRIMARY KEY (id, generation, slot, position)",
    ),
    // the processes that serve; the times are for people, the runner goes by `renewals`
    (
        "instances",
        "instance text NOT NULL PRIMARY KEY, application text NOT NULL, version text NOT NULL, host text NOT NULL, \
         pid bigint NOT NULL, role_name text NOT NULL, migrations text NOT NULL, lagging text, \
         acknowledged bigint NOT NULL, renewals bigint NOT NULL, lease_ms bigint NOT NULL, \
         started_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP, \
         renewed_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP",
    ),
    // who wrote one column only; `backend` keeps writers out of each other's rows
    (
        "strangers",
        "id text NOT NULL, generation integer NOT NULL, side text NOT NULL, backend bigint NOT NULL, \
         application text NOT NULL, role_name text NOT NULL, writes bigint NOT NULL, \
         first_seen timestamptz NOT NULL, last_seen timestamptz NOT NULL, \
         PRIMARY KEY (id, generation, side, backend, application, role_name)",
    ),
    // rows whose other column only a Rust function can fill; `side` is the column that was written
    (
        "queue",
        "entry {serial}, id text NOT NULL, generation integer NOT NULL, change integer NOT NULL, \
         side text NOT NULL, row_key text NOT NULL, writes bigint NOT NULL DEFAULT 1, application text, \
         role_name text, at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP",
    ),
    // the last of the writes that the queue has forgotten
    (
        "queue_seen",
        "id text NOT NULL, generation integer NOT NULL, side text NOT NULL, application text, role_name text, \
         at timestamptz NOT NULL, PRIMARY KEY (id, generation, side)",
    ),
    // gates that an operator did not wait for
    (
        "overrides",
        "id text NOT NULL, generation integer NOT NULL, epoch bigint NOT NULL, step text NOT NULL, \
         gate text NOT NULL, reason text NOT NULL, found text NOT NULL, runner text NOT NULL, \
         at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP",
    ),
    // reads that looked at both columns, by the process that did
    (
        "shadow_reads",
        "id text NOT NULL, generation integer NOT NULL, reader text NOT NULL, samples bigint NOT NULL, \
         mismatches bigint NOT NULL, sample_key text, role_name text NOT NULL, \
         updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP, \
         PRIMARY KEY (id, generation, reader, role_name)",
    ),
    // what operators ask of runs; stands until it is lifted, and stays on record
    (
        "requests",
        "request {serial}, id text NOT NULL, generation integer NOT NULL, kind text NOT NULL, reason text NOT NULL, \
         requested_by text NOT NULL, requested_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP, lifted_by text, \
         lifted_at timestamptz",
    ),
    // what comparisons of all rows came to
    (
        "verifications",
        "verification {serial}, id text NOT NULL, generation integer NOT NULL, step text NOT NULL, \
         rows_compared bigint NOT NULL, mismatches bigint NOT NULL, repaired bigint NOT NULL, \
         definition_hash text NOT NULL, runner text NOT NULL, token bigint NOT NULL, \
         at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP",
    ),
    // how far the last run of each step is; `published` is the epoch of the phase in which it works
    (
        "runs",
        "id text NOT NULL, generation integer NOT NULL, step text NOT NULL, table_name text NOT NULL, \
         runner text NOT NULL, token bigint NOT NULL, seq bigint NOT NULL, published bigint NOT NULL, state text NOT NULL, \
         reason text, sweep integer NOT NULL, batches bigint NOT NULL, rows_done bigint NOT NULL, \
         rows_changed bigint NOT NULL, rows_total bigint, rate bigint, eta_ms bigint, batch_size bigint NOT NULL, \
         workers integer NOT NULL, elapsed_ms bigint NOT NULL, worked_ms bigint NOT NULL, lease_ms bigint NOT NULL, \
         started_at timestamptz NOT NULL, updated_at timestamptz NOT NULL, PRIMARY KEY (id, generation, step)",
    ),
];

/// Columns that came after their table: its name, the column's, its definition, the version that brought it.
const COLUMNS: &[(&str, &str, &str, u32)] = &[
    ("meta", "readable_by", "integer NOT NULL DEFAULT 1", 2),
    ("meta", "epoch", "bigint NOT NULL DEFAULT 0", 2),
    // the ledger's epoch at which the phase was published: what an instance acknowledges
    ("migrations", "published", "bigint NOT NULL DEFAULT 0", 2),
    // every instance has acknowledged it, or was found to have expired
    ("migrations", "settled", "integer NOT NULL DEFAULT 0", 2),
    ("migrations", "published_by", "text NOT NULL DEFAULT ''", 2),
    // how the old column took its values from a sequence
    ("columns", "old_identity", "text", 2),
    // the definition under which the rows were compared last
    ("migrations", "verified_hash", "text NOT NULL DEFAULT ''", 2),
    // comment and the like
    ("saved_indexes", "extras_sql", "text NOT NULL DEFAULT ''", 2),
];

/// What the ledger says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) version: u32,
    /// How many phases were published in this database.
    pub(crate) epoch: i64,
}

impl Meta {
    /// What a ledger of version 2 or newer says, if this release may read it.
    pub(super) fn parse(version: &str, readable_by: &str, epoch: &str) -> Result<Self, Error> {
        let unreadable = || Error::LedgerVersion {
            found: version.to_owned(),
            needed: readable_by.to_owned(),
            known: VERSION,
        };
        let oldest: u32 = readable_by.parse().map_err(|_| unreadable())?;
        if oldest > VERSION {
            return Err(unreadable());
        }
        Ok(Meta {
            version: version.parse().map_err(|_| unreadable())?,
            epoch: epoch.parse().map_err(|_| unreadable())?,
        })
    }

    /// Refuses to write to a ledger that a newer release keeps: it may hold what this one does not know to respect.
    pub(crate) fn check_writable(self) -> Result<(), Error> {
        if self.version > VERSION {
            return Err(Error::LedgerNewer {
                found: self.version,
                known: VERSION,
            });
        }
        Ok(())
    }
}

/// The ledger, if there is one that this release may read.
pub(crate) fn meta(s: &mut dyn Session) -> Result<Option<Meta>, Error> {
    let dialect = s.dialect();
    let exists = match dialect {
        Dialect::Postgres => "SELECT to_regclass('expand_contract.meta')::text",
        Dialect::Sqlite => {
            "SELECT max(name) FROM sqlite_master WHERE type = 'table' AND name = 'expand_contract_meta'"
        }
    };
    let rows = s.rows(exists, &[]).during("looking for the ledger")?;
    if rows.into_iter().flatten().flatten().next().is_none() {
        return Ok(None);
    }
    let meta = table(dialect, "meta");
    // A newer ledger may have columns that this release cannot name, and an older one lacks some that it can: what is
    // asked first is there in all of them.
    let sql = format!("SELECT CAST(max(version) AS text) FROM {meta}");
    let rows = s.rows(&sql, &[]).during("reading the ledger's version")?;
    let Some(found) = rows.into_iter().flatten().flatten().next() else {
        return Ok(None);
    };
    let version: u32 = found.parse().map_err(|_| Error::LedgerVersion {
        found: found.clone(),
        needed: found.clone(),
        known: VERSION,
    })?;
    if version < 2 {
        return Ok(Some(Meta { version, epoch: 0 }));
    }
    let sql =
        format!("SELECT CAST(max(readable_by) AS text), CAST(max(epoch) AS text) FROM {meta}");
    let rows = s.rows(&sql, &[]).during("reading the ledger's version")?;
    let mut row = rows.into_iter().flatten();
    let mut next = || row.next().flatten().unwrap_or_default();
    let (readable_by, epoch) = (next(), next());
    Meta::parse(&found, &readable_by, &epoch).map(Some)
}

/// How often the ledger's own locks are asked for.
const ATTEMPTS: u32 = 30;

/// Creates what is missing, and brings an older ledger up to this release.
///
/// Like all DDL of a runner in transactions with short waits for locks: instances that are at work read these tables.
pub(crate) fn ensure(s: &mut dyn Session) -> Result<(), Error> {
    if is_writable(s)? {
        return Ok(());
    }
    let dialect = s.dialect();
    let driver = driver(dialect)?;
    if dialect == Dialect::Sqlite {
        // alone: from here on a transaction can begin with a write (see the backend)
        create(s, driver, &TABLES[1])?;
    }
    let since = Instant::now();
    for attempt in 1.. {
        match transaction(s, |s| set_up(s, driver)) {
            Err(error) if driver.is_locked(&error) && attempt < ATTEMPTS => {
                std::thread::sleep(backoff(attempt));
            }
            Err(error) if driver.is_locked(&error) => {
                return Err(Error::Locked {
                    action: "setting up the ledger".to_owned(),
                    what: place(dialect).to_owned(),
                    attempts: attempt,
                    waited: since.elapsed(),
                    blockers: Vec::new(),
                })
            }
            result => return result,
        }
    }
    Ok(())
}

/// Whether the ledger is there, in the version of this release; an error if it is a newer release's.
fn is_writable(s: &mut dyn Session) -> Result<bool, Error> {
    let Some(meta) = meta(s)? else {
        return Ok(false);
    };
    meta.check_writable()?;
    Ok(meta.version == VERSION)
}

fn set_up(s: &mut dyn Session, driver: &dyn Driver) -> Result<(), Error> {
    let dialect = s.dialect();
    driver.settle(s)?;
    if dialect == Dialect::Postgres {
        // two runners may come here at once: the second one finds it done, and locks nothing that the first one uses
        driver.ddl(
            s,
            "SELECT pg_advisory_xact_lock(hashtext('expand_contract.ledger'))",
        )?;
        // `to_regclass` goes by a cache that takes no notice of others in the middle of a transaction, unless a relation is
        // locked, as by any query
        let there = "SELECT 'x' FROM pg_catalog.pg_namespace WHERE nspname = 'expand_contract'";
        let there = s.rows(there, &[]).during("looking for the ledger")?;
        if !there.is_empty() && is_writable(s)? {
            return Ok(());
        }
        driver.ddl(s, "CREATE SCHEMA IF NOT EXISTS expand_contract")?;
    }
    for definition in TABLES {
        create(s, driver, definition)?;
    }
    for (name, column, definition, _) in COLUMNS {
        add_column(s, driver, (name, column, definition))?;
    }
    driver.ddl(
        s,
        match dialect {
            // A key in the queue may be longer than an entry of another kind of index.
            // An update of what a unique index has waits for whoever holds the row FOR KEY SHARE, any other does not
            // (manual, *Row-Level Locks*): so a takeover waits for a runner's transactions and a renewal does not
            Dialect::Postgres => {
                "CREATE INDEX IF NOT EXISTS queue_row_key ON expand_contract.queue USING hash (row_key); \
                 CREATE UNIQUE INDEX IF NOT EXISTS runners_token ON expand_contract.runners (table_name, token)"
            }
            Dialect::Sqlite => {
                "CREATE INDEX IF NOT EXISTS expand_contract_queue_row_key ON expand_contract_queue (row_key)"
            }
        },
    )?;
    if dialect == Dialect::Postgres {
        driver.ddl(s, GRANTS)?;
        driver.ddl(s, &super::strangers::functions())?;
    }
    let meta = table(dialect, "meta");
    for sql in [
        format!("INSERT INTO {meta} (version) SELECT {VERSION} WHERE NOT EXISTS (SELECT 1 FROM {meta})"),
        format!("UPDATE {meta} SET version = {VERSION}, readable_by = {READABLE_BY} WHERE version <= {VERSION}"),
    ] {
        s.execute(&sql, &[]).during("creating the ledger")?;
    }
    Ok(())
}

/// What every application's role may do, and what a publication FOR ALL TABLES asks of tables without a key (manual,
/// *Publication*: without a replica identity their updates and deletes would fail).
///
/// A role may read the ledger, register itself and count what it read. A role can change only
/// its own rows (manual, *Row Security Policies*); the ledger's owner, who runs the steps, all of them.
const GRANTS: &str = "GRANT USAGE ON SCHEMA expand_contract TO PUBLIC;
    GRANT SELECT ON ALL TABLES IN SCHEMA expand_contract TO PUBLIC;
    GRANT INSERT, UPDATE, DELETE ON expand_contract.instances TO PUBLIC;
    ALTER TABLE expand_contract.instances ENABLE ROW LEVEL SECURITY;
    DROP POLICY IF EXISTS everybody_reads ON expand_contract.instances;
    CREATE POLICY everybody_reads ON expand_contract.instances FOR SELECT USING (true);
    DROP POLICY IF EXISTS own_rows ON expand_contract.instances;
    CREATE POLICY own_rows ON expand_contract.instances
        USING (role_name = current_user) WITH CHECK (role_name = current_user);
    GRANT INSERT, UPDATE ON expand_contract.shadow_reads TO PUBLIC;
    ALTER TABLE expand_contract.shadow_reads ENABLE ROW LEVEL SECURITY;
    DROP POLICY IF EXISTS everybody_reads ON expand_contract.shadow_reads;
    CREATE POLICY everybody_reads ON expand_contract.shadow_reads FOR SELECT USING (true);
    DROP POLICY IF EXISTS own_rows ON expand_contract.shadow_reads;
    CREATE POLICY own_rows ON expand_contract.shadow_reads
        USING (role_name = current_user) WITH CHECK (role_name = current_user);
    ALTER TABLE expand_contract.meta REPLICA IDENTITY FULL;
    ALTER TABLE expand_contract.quarantine REPLICA IDENTITY FULL;";

fn add_column(
    s: &mut dyn Session,
    driver: &dyn Driver,
    (name, column, definition): (&str, &str, &str),
) -> Result<(), Error> {
    let dialect = s.dialect();
    let name = table(dialect, name);
    let sql = match dialect {
        Dialect::Postgres => {
            format!("ALTER TABLE {name} ADD COLUMN IF NOT EXISTS {column} {definition}")
        }
        Dialect::Sqlite => {
            let sql =
                format!("SELECT 'x' FROM pragma_table_info('{name}') WHERE name = '{column}'");
            let there = s.rows(&sql, &[]).during("extending the ledger")?;
            if !there.is_empty() {
                return Ok(());
            }
            format!("ALTER TABLE {name} ADD COLUMN {column} {definition}")
        }
    };
    driver.ddl(s, &sql)
}

fn create(
    s: &mut dyn Session,
    driver: &dyn Driver,
    (name, columns): &(&str, &str),
) -> Result<(), Error> {
    let dialect = s.dialect();
    // SQLite: no type, so that a key's value keeps the type it has
    let (any, serial) = match dialect {
        Dialect::Postgres => ("text", "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
        Dialect::Sqlite => ("", "integer PRIMARY KEY AUTOINCREMENT"),
    };
    let sql = format!(
        "CREATE TABLE IF NOT EXISTS {} ({})",
        table(dialect, name),
        columns.replace("{any}", any).replace("{serial}", serial)
    );
    driver.ddl(s, &sql)
}

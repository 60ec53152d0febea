//! The ledger's own tables: created once, versioned, only ever added to.

use crate::definition::Dialect;

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

/// Name and definition.
pub(super) type TableDef = (&'static str, &'static str);

pub(super) const TABLES: &[TableDef] = &[
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

/// The name of its table, its own, its definition, the version that brought it.
pub(super) type Column = (&'static str, &'static str, &'static str, u32);

/// Columns that came after their table.
pub(super) const COLUMNS: &[Column] = &[
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

pub(super) const SCHEMA: &str = "CREATE SCHEMA IF NOT EXISTS expand_contract";

/// Creates a table as it was at first.
pub(super) fn create(dialect: Dialect, (name, columns): &TableDef) -> String {
    create_as(dialect, name, columns)
}

fn create_as(dialect: Dialect, name: &str, columns: &str) -> String {
    // SQLite: no type, so that a key's value keeps the type it has
    let (any, serial) = match dialect {
        Dialect::Postgres => ("text", "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
        Dialect::Sqlite => ("", "integer PRIMARY KEY AUTOINCREMENT"),
    };
    format!(
        "CREATE TABLE IF NOT EXISTS {} ({})",
        table(dialect, name),
        columns.replace("{any}", any).replace("{serial}", serial)
    )
}

/// Adds a column; on SQLite it must not be there.
pub(super) fn add_column(dialect: Dialect, (name, column, definition, _): &Column) -> String {
    let name = table(dialect, name);
    let unless = match dialect {
        Dialect::Postgres => "IF NOT EXISTS ",
        Dialect::Sqlite => "",
    };
    format!("ALTER TABLE {name} ADD COLUMN {unless}{column} {definition}")
}

/// What comes behind tables and columns, and does no harm twice.
pub(super) fn furnish(dialect: Dialect) -> Vec<String> {
    match dialect {
        // A key in the queue may be longer than an entry of another kind of index.
        // An update of what a unique index has waits for whoever holds the row FOR KEY SHARE, any other does not
        // (manual, *Row-Level Locks*): so a takeover waits for a runner's transactions and a renewal does not
        Dialect::Postgres => vec![
            "CREATE INDEX IF NOT EXISTS queue_row_key ON expand_contract.queue USING hash (row_key)".to_owned(),
            "CREATE UNIQUE INDEX IF NOT EXISTS runners_token ON expand_contract.runners (table_name, token)".to_owned(),
            GRANTS.to_owned(),
            super::sightings::functions(),
        ],
        Dialect::Sqlite => vec![
            "CREATE INDEX IF NOT EXISTS expand_contract_queue_row_key ON expand_contract_queue (row_key)".to_owned(),
        ],
    }
}

/// Says of which version the ledger is.
pub(super) fn mark(dialect: Dialect) -> [String; 2] {
    let meta = table(dialect, "meta");
    [
        format!("INSERT INTO {meta} (version) SELECT {VERSION} WHERE NOT EXISTS (SELECT 1 FROM {meta})"),
        format!("UPDATE {meta} SET version = {VERSION}, readable_by = {READABLE_BY} WHERE version <= {VERSION}"),
    ]
}

/// All of it, for a database that has no ledger or one of this version.
#[cfg(feature = "build")]
pub(crate) fn whole(dialect: Dialect) -> Vec<String> {
    let mut out = Vec::new();
    match dialect {
        Dialect::Postgres => {
            out.push(SCHEMA.to_owned());
            out.extend(TABLES.iter().map(|definition| create(dialect, definition)));
            out.extend(COLUMNS.iter().map(|column| add_column(dialect, column)));
        }
        // it has no way to add a column unless that is there
        Dialect::Sqlite => {
            for (name, columns) in TABLES {
                let (own, key) = match columns.rfind(", PRIMARY KEY (") {
                    Some(at) => columns.split_at(at),
                    None => (*columns, ""),
                };
                let mut all = own.to_owned();
                for (_, column, definition, _) in COLUMNS.iter().filter(|(of, ..)| of == name) {
                    all.push_str(&format!(", {column} {definition}"));
                }
                all.push_str(key);
                out.push(create_as(dialect, name, &all));
            }
        }
    }
    out.extend(furnish(dialect));
    out.extend(mark(dialect));
    out
}

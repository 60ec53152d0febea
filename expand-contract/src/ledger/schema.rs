//! The ledger's own tables: created once, versioned, only ever added to.

use crate::backend::session::{transaction, Session};
use crate::definition::Dialect;
use crate::error::{Error, While};

/// The version this release writes.
pub(crate) const VERSION: u32 = 1;

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

const TABLES: [(&str, &str); 10] = [
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
];

/// The ledger's version; none if there is no ledger.
pub(crate) fn version(s: &mut dyn Session) -> Result<Option<u32>, Error> {
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
    let sql = format!(
        "SELECT CAST(max(version) AS text) FROM {}",
        table(dialect, "meta")
    );
    let rows = s.rows(&sql, &[]).during("reading the ledger's version")?;
    let Some(found) = rows.into_iter().flatten().flatten().next() else {
        return Ok(None);
    };
    match found.parse::<u32>() {
        Ok(version) if version <= VERSION => Ok(Some(version)),
        _ => Err(Error::LedgerVersion {
            found,
            known: VERSION,
        }),
    }
}

/// Creates what is missing.
pub(crate) fn ensure(s: &mut dyn Session) -> Result<(), Error> {
    if version(s)?.is_some() {
        return Ok(());
    }
    let dialect = s.dialect();
    let context = "creating the ledger";
    if dialect == Dialect::Sqlite {
        // alone: from here on a transaction can begin with a write (see the backend)
        create(s, &TABLES[1]).during(context)?;
    }
    transaction(s, |s| {
        match dialect {
            // two runners may come here at once
            Dialect::Postgres => s
                .batch(
                    "SELECT pg_advisory_xact_lock(hashtext('expand_contract.ledger'));
                     CREATE SCHEMA IF NOT EXISTS expand_contract;",
                )
                .during(context)?,
            Dialect::Sqlite => s
                .batch("DELETE FROM expand_contract_gate")
                .during(context)?,
        }
        for definition in &TABLES {
            create(s, definition).during(context)?;
        }
        if dialect == Dialect::Postgres {
            // what every application instance reads
            s.batch(
                "GRANT USAGE ON SCHEMA expand_contract TO PUBLIC;
                 GRANT SELECT ON ALL TABLES IN SCHEMA expand_contract TO PUBLIC;",
            )
            .during(context)?;
        }
        let meta = table(dialect, "meta");
        let sql = format!(
            "INSERT INTO {meta} (version) SELECT {VERSION} WHERE NOT EXISTS (SELECT 1 FROM {meta})"
        );
        s.execute(&sql, &[]).during(context)?;
        Ok(())
    })
}

fn create(
    s: &mut dyn Session,
    (name, columns): &(&str, &str),
) -> Result<(), diesel::result::Error> {
    let dialect = s.dialect();
    // SQLite: no type, so that a key's value keeps the type it has
    let any = match dialect {
        Dialect::Postgres => "text",
        Dialect::Sqlite => "",
    };
    s.batch(&format!(
        "CREATE TABLE IF NOT EXISTS {} ({})",
        table(dialect, name),
        columns.replace("{any}", any)
    ))
}

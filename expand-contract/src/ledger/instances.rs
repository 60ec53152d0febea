//! The processes that serve: each a row that it renews, and what it reads of the ledger while it does so.

use super::store::{stage, text, Fields};
use super::tables::table;
use super::version::{meta, Meta};
use crate::backend::session::{Session, BIND};
use crate::definition::{Dialect, MigrationDef};
use crate::error::{Error, While};
use crate::phase::Stage;

/// A process, as it introduces itself.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    /// Unlike that of any other process.
    pub(crate) id: String,
    pub(crate) application: String,
    pub(crate) version: String,
    pub(crate) host: String,
    /// The migrations whose phases it knows, one a line: id, tab, generation.
    pub(crate) migrations: String,
    pub(crate) lease_ms: u64,
}

/// What the ledger says, at one moment.
#[derive(Debug)]
pub(crate) struct View {
    /// How many phases were published in the database.
    pub(crate) epoch: i64,
    /// One for each migration that was asked about; none: the ledger does not know it.
    pub(crate) seen: Vec<Option<Result<Seen, Error>>>,
}

/// A migration's row.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) stage: Stage,
    pub(crate) reads: String,
    pub(crate) writes: String,
    /// The database's epoch at which the phase was published.
    pub(crate) published: i64,
    /// How often the migration's phase had changed.
    pub(crate) epoch: i64,
    pub(crate) old_incomplete: bool,
}

/// Whether the ledger is of a version that holds what [`view`] asks for.
pub(crate) fn is_current(s: &mut dyn Session) -> Result<bool, Error> {
    Ok(meta(s)?.is_some_and(|meta| meta.version >= 2))
}

/// Puts the process on record, as one that has acknowledged nothing.
///
/// It has to be committed before the phases are read: then a runner that publishes sees the process, or the process sees the
/// phase.
pub(crate) fn register(s: &mut dyn Session, me: &Instance) -> Result<(), Error> {
    let role = match s.dialect() {
        Dialect::Postgres => "current_user",
        Dialect::Sqlite => "''",
    };
    let instances = table(s.dialect(), "instances");
    let sql = format!(
        "INSERT INTO {instances} (instance, application, version, host, migrations, role_name, pid, acknowledged, renewals, \
         lease_ms) VALUES ({BIND}, {BIND}, {BIND}, {BIND}, {BIND}, {role}, {}, 0, 0, {}) \
         ON CONFLICT (instance) DO UPDATE SET acknowledged = 0, lagging = NULL",
        std::process::id(),
        me.lease_ms,
    );
    let binds = [
        text(&me.id),
        text(&me.application),
        text(&me.version),
        text(&me.host),
        text(&me.migrations),
    ];
    s.execute(&sql, &binds).during("registering the instance")?;
    Ok(())
}

/// Renews, acknowledges and reads, in one statement. None: the row is gone, and with it the lease.
pub(crate) fn renew(
    s: &mut dyn Session,
    instance: &str,
    acknowledged: i64,
    lagging: Option<&str>,
    of: &[&'static MigrationDef],
) -> Result<Option<View>, Error> {
    let mut binds = vec![lagging.map(str::to_owned), text(instance)];
    let columns = columns(s.dialect(), of, &mut binds);
    let sql = format!(
        "UPDATE {} SET renewals = renewals + 1, acknowledged = {acknowledged}, lagging = {BIND}, \
         renewed_at = CURRENT_TIMESTAMP WHERE instance = {BIND} RETURNING {columns}",
        table(s.dialect(), "instances"),
    );
    let rows = s.rows(&sql, &binds).during("renewing the lease")?;
    rows.into_iter()
        .next()
        .map(|row| parse(&mut Fields::new(row), of))
        .transpose()
}

/// Reads only. The ledger must be [current](is_current).
pub(crate) fn view(s: &mut dyn Session, of: &[&'static MigrationDef]) -> Result<View, Error> {
    let mut binds = Vec::new();
    let sql = format!("SELECT {}", columns(s.dialect(), of, &mut binds));
    let rows = s.rows(&sql, &binds).during("reading the phases")?;
    match rows.into_iter().next() {
        Some(row) => parse(&mut Fields::new(row), of),
        None => Err(Error::Unexpected {
            what: "the phases".to_owned(),
        }),
    }
}

/// Takes the process off the record.
pub(crate) fn deregister(s: &mut dyn Session, instance: &str) -> Result<(), Error> {
    let sql = format!(
        "DELETE FROM {} WHERE instance = {BIND}",
        table(s.dialect(), "instances")
    );
    s.execute(&sql, &[text(instance)])
        .during("taking the instance off the ledger")?;
    Ok(())
}

/// Scalar sub-selects for everything that [`parse`] takes, so that they can stand behind RETURNING on every database and
/// see one state of the ledger.
fn columns(
    dialect: Dialect,
    of: &[&'static MigrationDef],
    binds: &mut Vec<Option<String>>,
) -> String {
    let (meta, migrations) = (table(dialect, "meta"), table(dialect, "migrations"));
    let mut out: Vec<String> = ["version", "readable_by", "epoch"]
        .iter()
        .map(|name| format!("(SELECT CAST(max({name}) AS text) FROM {meta})"))
        .collect();
    for def in of {
        for name in [
            "generation",
            "pass",
            "phase",
            "reads",
            "writes",
            "published",
            "epoch",
            "old_incomplete",
        ] {
            out.push(format!(
                "(SELECT CAST({name} AS text) FROM {migrations} WHERE id = {BIND} AND generation >= {} \
                 ORDER BY generation DESC LIMIT 1)",
                def.generation
            ));
            binds.push(text(def.id));
        }
    }
    out.join(", ")
}

// a newer release keeps the ledger, and this one must not guess what it means
fn unreadable(
    (version, readable_by, epoch): (&str, &str, &str),
    of: &[&'static MigrationDef],
) -> View {
    let refused = |_: &&'static MigrationDef| {
        let meta = Meta::parse(version, readable_by, epoch);
        meta.err().map(Err)
    };
    View {
        epoch: epoch.parse().unwrap_or(0),
        seen: of.iter().map(refused).collect(),
    }
}

fn parse(row: &mut Fields, of: &[&'static MigrationDef]) -> Result<View, Error> {
    let (version, readable_by, epoch) = (row.text(), row.text(), row.text());
    let meta = match Meta::parse(&version, &readable_by, &epoch) {
        Ok(meta) => meta,
        Err(_) => return Ok(unreadable((&version, &readable_by, &epoch), of)),
    };
    let mut seen = Vec::new();
    for def in of {
        let generation = row.maybe();
        let (pass, phase) = (row.maybe(), row.text());
        let (reads, writes, published) = (row.text(), row.text(), row.maybe());
        let (epoch, old_incomplete) = (row.maybe(), row.maybe());
        let number = |text: Option<String>| {
            let parsed = text.and_then(|text| text.parse::<i64>().ok());
            parsed.ok_or_else(|| Error::Unexpected {
                what: "the ledger: a number is not one".to_owned(),
            })
        };
        let Some(generation) = generation else {
            seen.push(None);
            continue;
        };
        let one = || {
            let generation = number(Some(generation))?;
            if generation != i64::from(def.generation) {
                return Err(Error::NewerGeneration {
                    migration: def.id.to_owned(),
                    found: u32::try_from(generation).unwrap_or(u32::MAX),
                    declared: def.generation,
                });
            }
            Ok(Seen {
                stage: stage(number(pass)?, &phase)?,
                reads,
                writes,
                published: number(published)?,
                epoch: number(epoch)?,
                old_incomplete: number(old_incomplete)? != 0,
            })
        };
        seen.push(Some(one()));
    }
    Ok(View {
        epoch: meta.epoch,
        seen,
    })
}

//! What the application does with its tables: ordinary Diesel, the same source in every phase.
//!
//! Written once and compiled for both databases; an application with one database needs no trait.

use diesel::connection::SimpleConnection;
use expand_contract::phase::Step;
use expand_contract::prelude::*;
use expand_contract::{Error, Options, Status};

use crate::model::{NewVersion, TenantAccount, TenantAccountRepository, Version};
use crate::packages::Package;
use crate::schema::{tenant_accounts, versions};

/// A connection, seen from the application.
pub trait Store: Sized {
    fn open(url: &str) -> ConnectionResult<Self>;
    /// The tables as the previous release left them, with `rows` rows.
    fn create(&mut self, packages: &[Package], rows: i64) -> QueryResult<()>;

    fn insert(&mut self, new: &NewVersion<'_>) -> QueryResult<Version>;
    fn insert_batch(&mut self, new: &[NewVersion<'_>]) -> QueryResult<usize>;
    fn upsert(&mut self, new: &NewVersion<'_>) -> QueryResult<usize>;
    /// Writes another value and the right one again, in one transaction.
    fn rewrite(&mut self, id: i64, right: &[u8]) -> QueryResult<usize>;
    fn save(&mut self, version: &Version) -> QueryResult<usize>;
    fn find(&mut self, id: i64) -> QueryResult<Version>;
    fn with_digest(&mut self, digest: &[u8], copy: i64) -> QueryResult<Vec<i64>>;
    fn page(&mut self, after: i64, limit: i64) -> QueryResult<Vec<Version>>;

    fn tenants(&mut self) -> Result<usize, Box<dyn std::error::Error>>;

    fn load_phase(&mut self) -> Result<Status, Error>;
    fn advance(&mut self, step: Step, options: Options) -> Result<Status, Error>;
}

/// The previous release's tables; the only place that still names `checksum` and `legacy_email`.
fn ddl(id: &str) -> String {
    format!(
        "CREATE TABLE versions (id {id}, name TEXT NOT NULL, num TEXT NOT NULL, copy BIGINT NOT NULL,
             downloads BIGINT NOT NULL DEFAULT 0, checksum TEXT NOT NULL, UNIQUE (name, num, copy));
         CREATE INDEX versions_checksum ON versions (checksum);
         CREATE TABLE tenant_accounts (id {id}, name TEXT NOT NULL, legacy_email TEXT);"
    )
}

macro_rules! store {
    ($connection:ty, $id:literal, $setup:literal, $transaction:ident) => {
        impl Store for $connection {
            fn open(url: &str) -> ConnectionResult<Self> {
                let mut conn = <$connection as Connection>::establish(url)?;
                conn.batch_execute($setup)
                    .map_err(ConnectionError::CouldntSetupConfiguration)?;
                Ok(conn)
            }

            fn create(&mut self, packages: &[Package], rows: i64) -> QueryResult<()> {
                self.batch_execute("DROP TABLE IF EXISTS versions; DROP TABLE IF EXISTS tenant_accounts")?;
                self.batch_execute(&ddl($id))?;
                self.transaction(|conn| {
                    let numbers: Vec<i64> = (0..rows).collect();
                    for chunk in numbers.chunks(500) {
                        let values: Vec<String> = chunk
                            .iter()
                            .map(|i| {
                                let (package, copy) = crate::nth(packages, *i);
                                format!("('{}', '{}', {copy}, '{}')", package.name, package.num, package.checksum)
                            })
                            .collect();
                        conn.batch_execute(&format!(
                            "INSERT INTO versions (name, num, copy, checksum) VALUES {}",
                            values.join(", ")
                        ))?;
                    }
                    Ok(())
                })
            }

            fn insert(&mut self, new: &NewVersion<'_>) -> QueryResult<Version> {
                diesel::insert_into(versions::table)
                    .values(new)
                    .returning(Version::as_returning())
                    .get_result(self)
            }

            fn insert_batch(&mut self, new: &[NewVersion<'_>]) -> QueryResult<usize> {
                diesel::insert_into(versions::table).values(new).execute(self)
            }

            fn upsert(&mut self, new: &NewVersion<'_>) -> QueryResult<usize> {
                diesel::insert_into(versions::table)
                    .values(new)
                    .on_conflict((versions::name, versions::num, versions::copy))
                    .do_update()
                    .set((
                        Version::tar_sha256.eq_excluded(),
                        versions::downloads.eq(versions::downloads + 1),
                    ))
                    .execute(self)
            }

            fn rewrite(&mut self, id: i64, right: &[u8]) -> QueryResult<usize> {
                let wrong: Vec<u8> = right.iter().rev().copied().collect();
                self.$transaction(|conn| {
                    let row = versions::table.find(id);
                    diesel::update(row).set(Version::tar_sha256.eq(wrong)).execute(conn)?;
                    diesel::update(row).set(Version::tar_sha256.eq(right.to_vec())).execute(conn)
                })
            }

            fn save(&mut self, version: &Version) -> QueryResult<usize> {
                diesel::update(version).set(version).execute(self)
            }

            fn find(&mut self, id: i64) -> QueryResult<Version> {
                versions::table.find(id).select(Version::as_select()).first(self)
            }

            fn with_digest(&mut self, digest: &[u8], copy: i64) -> QueryResult<Vec<i64>> {
                versions::table
                    .filter(Version::tar_sha256.eq(digest).and(versions::copy.eq(copy)))
                    .select(versions::id)
                    .load(self)
            }

            fn page(&mut self, after: i64, limit: i64) -> QueryResult<Vec<Version>> {
                versions::table
                    .filter(versions::id.gt(after))
                    .order(versions::id)
                    .limit(limit)
                    .select(Version::as_select())
                    .load(self)
            }

            fn tenants(&mut self) -> Result<usize, Box<dyn std::error::Error>> {
                diesel::sql_query("INSERT INTO tenant_accounts (id, name, legacy_email) VALUES (1, 'Acme', 'ops@acme.example')")
                    .execute(self)?;
                let mut checked = 0;
                let mut migration = TenantAccount::migration();
                migration.load(self)?;
                let steps = [Step::Expand, Step::Backfill, Step::Verify, Step::Switch, Step::Retire, Step::Contract];
                for (step, id) in steps.into_iter().zip(2..) {
                    let new = TenantAccount { id, name: format!("Tenant {id}"), primary_contact: Some(format!("{id}@example.com")) };
                    TenantAccountRepository::insert(self, &new)?;
                    let mut acme = TenantAccountRepository::find(self, &1)?.ok_or("Acme is gone")?;
                    acme.primary_contact = Some(format!("{step}@acme.example"));
                    TenantAccountRepository::update(self, &acme)?;
                    migration.advance_to(self, step)?;
                    let found = TenantAccountRepository::find_by_primary_contact(self, acme.primary_contact.as_deref())?;
                    if found != [acme] {
                        return Err(format!("{step}: {found:?}").into());
                    }
                    checked += TenantAccountRepository::list(self, None, 100)?.len();
                }
                diesel::delete(tenant_accounts::table).execute(self)?;
                Ok(checked)
            }

            fn load_phase(&mut self) -> Result<Status, Error> {
                Version::migration().load(self)
            }

            fn advance(&mut self, step: Step, options: Options) -> Result<Status, Error> {
                Version::migration().options(options).advance_to(self, step)
            }
        }
    };
}

store!(
    SqliteConnection,
    "INTEGER PRIMARY KEY",
    "PRAGMA busy_timeout = 60000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;",
    immediate_transaction
);

#[cfg(feature = "postgres")]
store!(
    diesel::PgConnection,
    "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
    "SET client_min_messages = warning",
    transaction
);

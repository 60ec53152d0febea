//! A stranger: raw SQL from somewhere, as typed into `psql` or sent by a nightly job. It knows the old column only.

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Text};
use rolling_deploy::api::Account;
use rolling_deploy::service::Store;
use rolling_deploy::Failure;

pub const NAME: &str = "nightly-export";

pub struct Stranger(pub PgConnection);

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    revision: i64,
    #[diesel(sql_type = Text)]
    legacy_email: String,
}

type Found = Result<Option<Account>, Failure>;

fn found(result: QueryResult<Row>) -> Found {
    Ok(result.optional()?.map(|row| Account {
        id: row.id,
        name: row.name,
        contact: row.legacy_email,
        revision: row.revision,
    }))
}

impl Store for Stranger {
    fn connect(url: &str) -> Result<Self, Failure> {
        let mut conn = PgConnection::establish(url)?;
        sql_query(format!("SET application_name = '{NAME}'")).execute(&mut conn)?;
        Ok(Stranger(conn))
    }

    fn ping(&mut self) -> Result<(), Failure> {
        sql_query("SELECT 1").execute(&mut self.0)?;
        Ok(())
    }

    fn insert(&mut self, new: Account) -> Found {
        found(
            sql_query(
                "INSERT INTO accounts (id, name, revision, legacy_email) VALUES ($1, $2, $3, $4) \
                 RETURNING id, name, revision, legacy_email",
            )
            .bind::<BigInt, _>(new.id)
            .bind::<Text, _>(new.name)
            .bind::<BigInt, _>(new.revision)
            .bind::<Text, _>(new.contact)
            .get_result(&mut self.0),
        )
    }

    fn update(&mut self, account: Account) -> Found {
        found(
            sql_query(
                "UPDATE accounts SET (name, revision, legacy_email) = ($2, $3, $4) WHERE id = $1 \
                 RETURNING id, name, revision, legacy_email",
            )
            .bind::<BigInt, _>(account.id)
            .bind::<Text, _>(account.name)
            .bind::<BigInt, _>(account.revision)
            .bind::<Text, _>(account.contact)
            .get_result(&mut self.0),
        )
    }

    fn rename(&mut self, id: i64, contact: &str, revision: i64) -> Found {
        found(
            sql_query(
                "UPDATE accounts SET legacy_email = $1, revision = $2 WHERE id = $3 \
                 RETURNING id, name, revision, legacy_email",
            )
            .bind::<Text, _>(contact)
            .bind::<BigInt, _>(revision)
            .bind::<BigInt, _>(id)
            .get_result(&mut self.0),
        )
    }

    fn touch(&mut self, id: i64, revision: i64) -> Found {
        found(
            sql_query(
                "UPDATE accounts SET revision = $1 WHERE id = $2 \
                 RETURNING id, name, revision, legacy_email",
            )
            .bind::<BigInt, _>(revision)
            .bind::<BigInt, _>(id)
            .get_result(&mut self.0),
        )
    }

    fn upsert(&mut self, new: Account) -> Found {
        found(
            sql_query(
                "INSERT INTO accounts (id, name, revision, legacy_email) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (legacy_email) DO UPDATE SET revision = excluded.revision \
                 RETURNING id, name, revision, legacy_email",
            )
            .bind::<BigInt, _>(new.id)
            .bind::<Text, _>(new.name)
            .bind::<BigInt, _>(new.revision)
            .bind::<Text, _>(new.contact)
            .get_result(&mut self.0),
        )
    }

    fn delete(&mut self, id: i64) -> Result<usize, Failure> {
        Ok(sql_query("DELETE FROM accounts WHERE id = $1")
            .bind::<BigInt, _>(id)
            .execute(&mut self.0)?)
    }

    fn find(&mut self, id: i64) -> Found {
        found(
            sql_query("SELECT id, name, revision, legacy_email FROM accounts WHERE id = $1")
                .bind::<BigInt, _>(id)
                .get_result(&mut self.0),
        )
    }

    fn find_by_contact(&mut self, contact: &str) -> Found {
        found(
            sql_query(
                "SELECT id, name, revision, legacy_email FROM accounts WHERE legacy_email = $1",
            )
            .bind::<Text, _>(contact)
            .get_result(&mut self.0),
        )
    }
}

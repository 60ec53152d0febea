//! The table, the model and the statements of release N.

use diesel::prelude::*;
use diesel::upsert::excluded;
use rolling_deploy::service::Store;
use rolling_deploy::{api, Failure};

diesel::table! {
    accounts (id) {
        id -> BigInt,
        name -> Text,
        plan -> Text,
        notes -> Nullable<Text>,
        revision -> BigInt,
        legacy_email -> Text,
    }
}

#[derive(Queryable, Selectable, Identifiable, Insertable, AsChangeset)]
#[diesel(table_name = accounts)]
struct Account {
    id: i64,
    name: String,
    plan: String,
    notes: Option<String>,
    revision: i64,
    legacy_email: String,
}

impl From<api::Account> for Account {
    fn from(account: api::Account) -> Self {
        Account {
            id: account.id,
            name: account.name,
            plan: "free".to_owned(),
            notes: None,
            revision: account.revision,
            legacy_email: account.contact,
        }
    }
}

impl From<Account> for api::Account {
    fn from(account: Account) -> Self {
        api::Account {
            id: account.id,
            name: account.name,
            contact: account.legacy_email,
            revision: account.revision,
        }
    }
}

type Row = Result<Option<api::Account>, Failure>;

fn row(result: QueryResult<Account>) -> Row {
    Ok(result.optional()?.map(Into::into))
}

/// A connection of release N.
pub struct Accounts(PgConnection);

impl Store for Accounts {
    fn connect(url: &str) -> Result<Self, Failure> {
        let mut conn = PgConnection::establish(url)?;
        diesel::sql_query("SET application_name = 'shop, release N'").execute(&mut conn)?;
        Ok(Accounts(conn))
    }

    fn ping(&mut self) -> Result<(), Failure> {
        diesel::sql_query("SELECT 1").execute(&mut self.0)?;
        Ok(())
    }

    fn insert(&mut self, account: api::Account) -> Row {
        let new = Account::from(account);
        row(diesel::insert_into(accounts::table)
            .values(&new)
            .returning(Account::as_returning())
            .get_result(&mut self.0))
    }

    fn update(&mut self, account: api::Account) -> Row {
        let account = Account::from(account);
        row(diesel::update(&account)
            .set(&account)
            .returning(Account::as_returning())
            .get_result(&mut self.0))
    }

    fn rename(&mut self, id: i64, contact: &str, revision: i64) -> Row {
        row(diesel::update(accounts::table.find(id))
            .set((
                accounts::legacy_email.eq(contact),
                accounts::revision.eq(revision),
            ))
            .returning(Account::as_returning())
            .get_result(&mut self.0))
    }

    fn touch(&mut self, id: i64, revision: i64) -> Row {
        row(diesel::update(accounts::table.find(id))
            .set(accounts::revision.eq(revision))
            .returning(Account::as_returning())
            .get_result(&mut self.0))
    }

    fn upsert(&mut self, account: api::Account) -> Row {
        let new = Account::from(account);
        row(diesel::insert_into(accounts::table)
            .values(&new)
            .on_conflict(accounts::legacy_email)
            .do_update()
            .set(accounts::revision.eq(excluded(accounts::revision)))
            .returning(Account::as_returning())
            .get_result(&mut self.0))
    }

    fn delete(&mut self, id: i64) -> Result<usize, Failure> {
        Ok(diesel::delete(accounts::table.find(id)).execute(&mut self.0)?)
    }

    fn find(&mut self, id: i64) -> Row {
        row(accounts::table
            .find(id)
            .select(Account::as_select())
            .first(&mut self.0))
    }

    fn find_by_contact(&mut self, contact: &str) -> Row {
        row(accounts::table
            .filter(accounts::legacy_email.eq(contact))
            .select(Account::as_select())
            .first(&mut self.0))
    }
}

//! Two migrations of one table, one after the other only.

use std::sync::Barrier;
use std::time::Duration;

use expand_contract::phase::Step;
use expand_contract::prelude::*;
use expand_contract::{Error, MigrateOn};
use tests::database::{Db, Lite};

use crate::options;

diesel::table! {
    users (id) {
        id -> Integer,
        mail -> Text,
        note -> Nullable<Text>,
    }
}

#[derive(Queryable, Selectable, Insertable, AsChangeset, Migrate)]
#[diesel(table_name = users)]
#[migrate(id = "users-mail")]
struct User {
    id: i32,
    #[migrate(rename_from = "email")]
    mail: String,
    note: Option<String>,
}

/// Another release's schema.rs.
mod next {
    diesel::table! {
        users (id) {
            id -> Integer,
            remark -> Nullable<Text>,
        }
    }
}

#[derive(Queryable, Selectable, Insertable, AsChangeset, Migrate)]
#[diesel(table_name = next::users)]
#[migrate(id = "users-note")]
struct NextUser {
    id: i32,
    #[migrate(rename_from = "note")]
    remark: Option<String>,
}

/// The same table by another spelling.
mod spelt {
    diesel::table! {
        #[sql_name = "USERS"]
        users (id) {
            id -> Integer,
            remark -> Nullable<Text>,
        }
    }
}

#[derive(Queryable, Selectable, Insertable, AsChangeset, Migrate)]
#[diesel(table_name = spelt::users)]
#[migrate(id = "USERS-note")]
struct SpeltUser {
    id: i32,
    #[migrate(rename_from = "note")]
    remark: Option<String>,
}

fn table<D: Db>(conn: &mut D::Conn) {
    D::run(
        conn,
        "CREATE TABLE users (id integer PRIMARY KEY, email text NOT NULL, note text); \
         INSERT INTO users VALUES (1, 'a', 'b'), (2, 'c', NULL)",
    );
}

fn refused<D: Db>(conn: &mut D::Conn)
where
    next::users::table: MigrateOn<D::Conn>,
{
    let before = D::schema(conn);
    for step in [Step::Expand, Step::Contract] {
        let outcome = NextUser::migration()
            .options(options())
            .advance_to(conn, step);
        match outcome {
            Err(Error::OtherMigration { other, .. }) => assert_eq!(other, "users-mail"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(D::schema(conn), before);
}

fn fm46_a_second_migration_waits_for_the_first<D: Db>(db: &D)
where
    users::table: MigrateOn<D::Conn>,
    next::users::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    table::<D>(conn);
    let first = || User::migration().options(options());
    for step in [Step::Expand, Step::Switch, Step::Retire] {
        first().advance_to(conn, step).expect("the first goes on");
        refused::<D>(conn);
    }
    // a rollback that was stopped after it had published leaves a column behind
    for _ in 0..2 {
        first().rollback(conn).expect("back");
    }
    let mut actions = 0;
    let stopping = options().on_action(move |_| {
        actions += 1;
        match actions {
            1 | 2 => std::ops::ControlFlow::Continue(()),
            _ => std::ops::ControlFlow::Break(()),
        }
    });
    let outcome = User::migration().options(stopping).rollback(conn);
    assert!(matches!(outcome, Err(Error::Stopped { .. })), "{outcome:?}");
    refused::<D>(conn);
    first().rollback(conn).expect("back to the start");
    let second = || NextUser::migration().options(options());
    second()
        .advance_to(conn, Step::Contract)
        .expect("its turn has come");
    first()
        .advance_to(conn, Step::Contract)
        .expect("and the first one's");
    let values = "SELECT count(mail) || ' ' || count(remark) FROM users";
    assert_eq!(D::text(conn, values).as_deref(), Some("2 1"));
}

fn fm46_of_two_at_once_one_is_refused<D: Db + Sync>(db: &D)
where
    users::table: MigrateOn<D::Conn>,
    next::users::table: MigrateOn<D::Conn>,
{
    table::<D>(&mut db.connect());
    let patient = || options().lease(Duration::from_secs(5)).retries(30);
    let barrier = Barrier::new(2);
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(|| {
            let conn = &mut db.connect();
            barrier.wait();
            let outcome = User::migration()
                .options(patient())
                .advance_to(conn, Step::Expand);
            outcome.map(drop)
        });
        let second = scope.spawn(|| {
            let conn = &mut db.connect();
            barrier.wait();
            let outcome = NextUser::migration()
                .options(patient())
                .advance_to(conn, Step::Expand);
            outcome.map(drop)
        });
        (
            first.join().expect("no panic"),
            second.join().expect("no panic"),
        )
    });
    match (&first, &second) {
        (Ok(()), Err(error)) | (Err(error), Ok(())) => assert!(
            matches!(
                error,
                Error::OtherMigration { .. } | Error::RunnerActive { .. }
            ),
            "{error:?}"
        ),
        both => panic!("{both:?}"),
    }
}

on_every_database!(
    fm46_a_second_migration_waits_for_the_first,
    fm46_of_two_at_once_one_is_refused,
);

// SQLite's names are the same in capitals.
#[test]
fn fm46_another_spelling_is_no_other_table() {
    let db = Lite::fresh();
    let conn = &mut db.connect();
    table::<Lite>(conn);
    User::migration()
        .options(options())
        .advance_to(conn, Step::Expand)
        .expect("nothing is in the way");
    let outcome = SpeltUser::migration()
        .options(options())
        .advance_to(conn, Step::Expand);
    assert!(
        matches!(outcome, Err(Error::OtherMigration { .. })),
        "{outcome:?}"
    );
}

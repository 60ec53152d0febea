//! The result of a comparison is stored, goes stale, and what differs is repaired where the caller wants that.

use expand_contract::phase::{Phase, Step};
use expand_contract::prelude::*;
use expand_contract::{Error, MigrateOn, Migration, Verification};

use crate::common::*;

diesel::table! {
    codes (id) {
        id -> Integer,
        upper -> Text,
    }
}

/// Claims to lose nothing, which holds for codes in lower case only.
#[derive(Migrate)]
#[diesel(table_name = codes)]
#[migrate(id = "codes")]
#[allow(dead_code)]
struct Code {
    id: i32,
    #[migrate(
        rename_from = "code", retype_from = Text,
        up(sqlite = "upper(code)", postgres = "upper(code)"),
        down(sqlite = "lower(upper)", postgres = "lower(upper)"), lossless
    )]
    upper: String,
}

mod changed {
    use expand_contract::prelude::*;

    diesel::table! {
        codes (id) {
            id -> Integer,
            upper -> Text,
        }
    }

    /// The same migration in a release that says something else of it.
    #[derive(Migrate)]
    #[diesel(table_name = codes)]
    #[migrate(id = "codes")]
    #[allow(dead_code)]
    pub(super) struct Code {
        id: i32,
        #[migrate(
            rename_from = "code", retype_from = Text,
            up(sqlite = "upper(code)", postgres = "upper(code)"),
            down(sqlite = "lower(upper)", postgres = "lower(upper)")
        )]
        upper: String,
    }
}

fn verification<D: Db>(conn: &mut D::Conn) -> Verification
where
    users::table: MigrateOn<D::Conn>,
{
    status::<D>(conn).verification.expect("it was compared")
}

fn verified<D: Db>(conn: &mut D::Conn)
where
    users::table: MigrateOn<D::Conn>,
{
    migration(options().batch_size(3).holder("Ada"))
        .advance_to(conn, Step::Verify)
        .expect("verify");
}

// `switch` by itself, which does not begin with the steps before it
fn switch<D: Db>(conn: &mut D::Conn) -> Result<(), Error>
where
    users::table: MigrateOn<D::Conn>,
{
    let mut proved = None;
    // a value of this type is had from the step alone: on a database where it is right
    let other = D::fresh();
    let there = &mut other.connect();
    expanded::<D>(there, 1);
    if let expand_contract::AnyState::Expanded(next) = migration(options()).resume(there)? {
        proved = Some(next.backfill(there)?.verify(there)?);
    }
    let proved: Migration<_, _> = proved.expect("it is expanded");
    proved.switch(conn).map(drop)
}

#[track_caller]
fn wants_verify_first<D: Db>(conn: &mut D::Conn)
where
    users::table: MigrateOn<D::Conn>,
{
    let refused = switch::<D>(conn);
    assert!(
        matches!(
            refused,
            Err(Error::WrongOrder {
                first: Step::Verify,
                ..
            })
        ),
        "{refused:?}"
    );
}

fn the_result_is_stored_and_goes_stale<D: Db>(db: &D)
where
    users::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    expanded::<D>(conn, 10);
    assert_eq!(status::<D>(conn).verification, None);
    verified::<D>(conn);
    let found = verification::<D>(conn);
    assert_eq!(
        (found.step, found.rows, found.mismatches),
        (Step::Verify, 10, 0)
    );
    assert_eq!(
        (found.by.as_str(), found.repaired, found.stale),
        ("Ada", 0, false)
    );
    assert!(status::<D>(conn).verified);

    // a copy that was made since
    migration(options())
        .advance_to(conn, Step::Backfill)
        .expect("backfill again");
    let stale = verification::<D>(conn);
    assert!(stale.stale, "{stale}");
    assert_eq!(stale.at, found.at);
    assert!(!status::<D>(conn).verified);
    wants_verify_first::<D>(conn);

    // another definition than the one it was made under
    verified::<D>(conn);
    assert!(!verification::<D>(conn).stale);
    D::run(
        conn,
        &format!(
            "UPDATE {} SET verified_hash = 'of another'",
            ledger::<D>("migrations")
        ),
    );
    assert!(verification::<D>(conn).stale);
    wants_verify_first::<D>(conn);

    // a rollback
    verified::<D>(conn);
    switch::<D>(conn).expect("it is proved");
    assert_eq!(verification::<D>(conn).step, Step::Switch);
    migration(options()).rollback(conn).expect("rollback");
    assert!(verification::<D>(conn).stale);
    let history = format!("SELECT count(*) FROM {}", ledger::<D>("verifications"));
    assert_eq!(D::text(conn, &history).as_deref(), Some("4"));
}

fn another_definition_sees_a_stale_result<D: Db>(db: &D)
where
    codes::table: MigrateOn<D::Conn>,
    changed::codes::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    D::run(
        conn,
        "CREATE TABLE codes (id integer PRIMARY KEY, code text NOT NULL)",
    );
    D::run(conn, "INSERT INTO codes VALUES (1, 'a'), (2, 'b')");
    Code::migration()
        .options(options())
        .advance_to(conn, Step::Verify)
        .expect("verify");
    let fresh = Code::migration().status(conn).expect("status");
    assert!(fresh.verified);
    let other = changed::Code::migration().status(conn).expect("status");
    assert!(!other.verified);
    assert!(other.verification.is_some_and(|found| found.stale));
}

fn what_differs_is_repaired<D: Db>(db: &D)
where
    users::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    expanded::<D>(conn, 10);
    migration(options())
        .advance_to(conn, Step::Backfill)
        .expect("backfill");
    let spoil = "UPDATE users SET mail = 'spoilt' WHERE id IN (2, 7)";
    D::behind_the_triggers(conn, spoil);
    let refused = migration(options()).advance_to(conn, Step::Verify);
    assert!(
        matches!(&refused, Err(Error::Mismatches { count: 2, .. })),
        "{refused:?}"
    );
    let found = verification::<D>(conn);
    assert_eq!((found.mismatches, found.stale), (2, false));
    assert!(!status::<D>(conn).backfilled);

    // without the repair another backfill is needed, with it none
    migration(options())
        .advance_to(conn, Step::Backfill)
        .expect("backfill");
    D::behind_the_triggers(conn, spoil);
    let status = migration(options().repair())
        .advance_to(conn, Step::Verify)
        .expect("it was repaired");
    assert!(status.verified && status.backfilled);
    let found = verification::<D>(conn);
    assert_eq!((found.repaired, found.mismatches, found.rows), (2, 0, 10));
    let right = "SELECT count(*) FROM users WHERE email = 'u' || id AND mail = 'u' || id";
    assert_eq!(
        D::text(conn, right).as_deref(),
        Some("10"),
        "the old column decides"
    );

    // in the comparison of `switch` as well
    D::behind_the_triggers(conn, spoil);
    migration(options().repair())
        .advance_to(conn, Step::Switch)
        .expect("it was repaired");
    let found = verification::<D>(conn);
    assert_eq!((found.step, found.repaired), (Step::Switch, 2));
    assert_eq!(D::text(conn, right).as_deref(), Some("10"));
}

fn what_no_copy_can_mend_stays_a_mismatch<D: Db>(db: &D)
where
    codes::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    D::run(
        conn,
        "CREATE TABLE codes (id integer PRIMARY KEY, code text NOT NULL)",
    );
    D::run(
        conn,
        "INSERT INTO codes VALUES (1, 'a'), (2, 'B'), (3, 'c')",
    );
    let refused = Code::migration()
        .options(options().repair())
        .advance_to(conn, Step::Verify);
    assert!(
        matches!(&refused, Err(Error::Mismatches { count: 1, samples, .. }) if samples == &["2"]),
        "{refused:?}"
    );
    let status = Code::migration().status(conn).expect("status");
    assert!(!status.verified);
    assert_eq!(status.stage.phase, Phase::Expanded);
    assert_eq!(status.verification.map(|found| found.mismatches), Some(1));
    assert_eq!(
        D::text(conn, "SELECT code FROM codes WHERE id = 2").as_deref(),
        Some("B")
    );
}

on_every_database!(
    the_result_is_stored_and_goes_stale,
    another_definition_sees_a_stale_result,
    what_differs_is_repaired,
    what_no_copy_can_mend_stays_a_mismatch,
);

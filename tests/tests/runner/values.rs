//! Names and values of every kind come through, or are named.

use crate::common::*;
use expand_contract::phase::{Phase, Step};
use expand_contract::{Error, Migrate, MigrateOn};

fn odd_names<D: Db>(db: &D)
where
    Odd: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    let long = "name_of_sixty_three_bytes_which_is_as_long_as_postgresql_allows";
    assert_eq!(long.len(), 63);
    let without = if D::POSTGRES { "" } else { "WITHOUT ROWID" };
    D::run(
        conn,
        &format!(
            "CREATE TABLE \"Ta\"\"ble\" (region text, code integer, \"o\"\"ld 'é\" text, {long} integer, \
             PRIMARY KEY (region, code)) {without};
             CREATE UNIQUE INDEX \"In \"\"dex\" ON \"Ta\"\"ble\" ({long}, \"o\"\"ld 'é\")"
        ),
    );
    for (i, region) in ["", "it's", "é\\", "zz"].into_iter().enumerate() {
        for code in [-1, 0, 7] {
            let region = region.replace('\'', "''");
            D::run(conn, &format!("INSERT INTO \"Ta\"\"ble\" VALUES ('{region}', {code}, NULLIF('v{i}', 'v2'), {i} * 10 + {code})"));
        }
    }
    let before = D::schema(conn);
    Odd::migration()
        .options(fast())
        .advance_to(conn, Step::Retire)
        .unwrap();
    while Odd::migration().status(conn).unwrap().stage.phase != Phase::Original {
        Odd::migration().options(fast()).rollback(conn).unwrap();
    }
    assert_eq!(D::schema(conn), before);
    Odd::migration().options(fast()).run(conn).unwrap();
    let n = "SELECT count(*) || ' ' || count(\"order\") || ' ' || sum(\"Weiße \"\"Größe\"\"\") FROM \"Ta\"\"ble\"";
    assert_eq!(D::text(conn, n).as_deref(), Some("12 9 204"));
}

fn lossy<D: Db>(db: &D)
where
    Lossy: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    let number = if D::POSTGRES { "numeric" } else { "REAL" };
    D::run(
        conn,
        &format!("CREATE TABLE accounts (id integer PRIMARY KEY, amount {number})"),
    );
    D::run(
        conn,
        "INSERT INTO accounts VALUES (1, 1.5), (2, NULL), (3, 2)",
    );
    Lossy::migration()
        .options(fast())
        .advance_to(conn, Step::Retire)
        .unwrap();
    D::run(conn, "UPDATE accounts SET balance = 9 WHERE id = 3");
    Lossy::migration().options(fast()).rollback(conn).unwrap();
    // what only the old column knew is still there
    assert_eq!(
        D::text(conn, "SELECT amount FROM accounts WHERE id = 1").as_deref(),
        Some("1.5")
    );
    assert_eq!(
        D::text(conn, "SELECT amount = 9 FROM accounts WHERE id = 3")
            .map(|t| t == "1" || t == "true"),
        Some(true)
    );
    Lossy::migration().options(fast()).run(conn).unwrap();
}

fn poison<D: Db>(db: &D)
where
    Versions: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    D::run(
        conn,
        "CREATE TABLE versions (id integer PRIMARY KEY, checksum text NOT NULL)",
    );
    for id in 1..=10 {
        let sum = if id == 5 {
            "not hex".to_owned()
        } else {
            format!("{id:04x}")
        };
        D::run(
            conn,
            &format!("INSERT INTO versions VALUES ({id}, '{sum}')"),
        );
    }
    let mut migration = Versions::migration().options(fast());
    migration.advance_to(conn, Step::Expand).unwrap();
    // SQLite's unhex gives NULL, which verify finds; PostgreSQL's decode raises
    match migration.advance_to(conn, Step::Verify) {
        Err(Error::Poison { count, rows, .. }) => {
            assert_eq!((count, rows[0].key.as_str()), (1, "5"))
        }
        Err(Error::Mismatches { count, samples, .. }) => {
            assert_eq!((count, samples[0].as_str()), (1, "5"))
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        D::text(conn, "SELECT count(tar_sha256) FROM versions").as_deref(),
        Some("9")
    );
    assert!(migration.advance_to(conn, Step::Switch).is_err());
    D::run(conn, "UPDATE versions SET checksum = '00' WHERE id = 5");
    migration.advance_to(conn, Step::Switch).unwrap();
}

fn rust_conversion<D: Db>(db: &D)
where
    Prices: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    D::run(
        conn,
        "CREATE TABLE prices (id integer PRIMARY KEY, price text)",
    );
    for id in 1..=10 {
        D::run(
            conn,
            &format!("INSERT INTO prices VALUES ({id}, NULLIF('{id}.05', '4.05'))"),
        );
    }
    D::run(conn, "UPDATE prices SET price = 'free' WHERE id = 6");
    let mut migration = Prices::migration().options(fast());
    match migration.advance_to(conn, Step::Switch) {
        Err(Error::Poison { count, rows, .. }) => {
            assert_eq!((count, rows[0].key.as_str()), (1, "6"));
            assert!(rows[0].reason.contains("no decimal point"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        D::text(conn, "SELECT sum(cents) FROM prices").as_deref(),
        Some("4540")
    );
    D::run(conn, "UPDATE prices SET price = '6.05' WHERE id = 6");
    migration.advance_to(conn, Step::Switch).unwrap();
    migration.advance_to(conn, Step::Retire).unwrap();
    D::run(conn, "INSERT INTO prices (id, cents) VALUES (11, 1234)");
    migration.rollback(conn).unwrap();
    assert_eq!(
        D::text(conn, "SELECT price FROM prices WHERE id = 11").as_deref(),
        Some("12.34")
    );
    // verify compares by the Rust functions
    assert!(D::fails(conn, "UPDATE prices SET cents = 1 WHERE id = 1"));
    migration.rollback(conn).unwrap();
    D::run(conn, "UPDATE prices SET cents = 1 WHERE id = 1");
    migration.advance_to(conn, Step::Contract).unwrap();
}

on_every_database!(odd_names, lossy, poison, rust_conversion);

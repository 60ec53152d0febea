//! What a comparison must not take for a difference, and what it must.

use std::sync::{Mutex, PoisonError};

use super::*;

type Hook = Box<dyn FnMut() + Send>;

/// Called when the price `9999.00` or a value that panics is converted.
static HOOK: Mutex<Option<Hook>> = Mutex::new(None);

/// In the conversion itself: what happens between two reads of a comparison.
pub(crate) fn hook(price: &str) {
    assert_ne!(price, "panic", "a conversion that panics");
    if price == "9999.00" {
        let hook = HOOK.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut hook) = hook {
            hook();
        }
    }
}

// Types whose text depends on the session, or whose `=` takes different values for one.
#[expand_contract::migrate(
    measure(rename_from = "size"),
    moment(
        rename_from = "happened", retype_from = Nullable<Timestamp>,
        up = "happened AT TIME ZONE 'UTC'", down = "moment AT TIME ZONE 'UTC'", lossless
    ),
    word(rename_from = "name"),
    bytes(
        rename_from = "digits", retype_from = Nullable<Text>,
        up = "decode(digits, 'hex')", down = "encode(bytes, 'hex')"
    )
)]
diesel::table! {
    readings (at, ratio) {
        at -> Timestamptz,
        ratio -> Double,
        measure -> Nullable<Double>,
        moment -> Nullable<Timestamptz>,
        word -> Nullable<Text>,
        bytes -> Nullable<Binary>,
    }
}

/// Sessions that print and read everything another way.
const ODD: &str = "SET timezone = 'Asia/Kolkata'; SET datestyle = 'SQL, DMY'; SET intervalstyle = 'sql_standard'; \
                   SET extra_float_digits = -3; SET bytea_output = 'escape'";

#[test]
fn fm41_no_alarm_for_floats_time_zones_and_collations() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    Postgres::run(
        conn,
        "CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false); \
         CREATE TABLE readings (at timestamptz, ratio double precision, size double precision, happened timestamp, \
           name text COLLATE caseless, digits text, PRIMARY KEY (at, ratio)); \
         INSERT INTO readings SELECT '2024-03-31 00:59:59.999999+00'::timestamptz + i * interval '0.333333 s', \
           sqrt(i) / 3, sqrt(i) * 1e-7, '2024-03-31 02:30:00'::timestamp + i * interval '1.000001 s', \
           CASE i % 2 WHEN 0 THEN 'Straße' ELSE 'STRASSE' END || i, to_hex(4096 + i) FROM generate_series(1, 60) i; \
         INSERT INTO readings VALUES \
           ('infinity', 'NaN', 'NaN', 'infinity', '', ''), ('-infinity', '-0', '-0', '-infinity', NULL, NULL), \
           ('2024-10-27 00:30:00+00', 1e-310, 'infinity', '0044-03-15 12:00:00 BC', 'ı', 'FF')",
    );
    for (workers, session) in [(1, "SET timezone = 'UTC'"), (3, ODD)] {
        Postgres::run(conn, session);
        let url = db.url();
        let status = readings::migration()
            .connect_with(move || {
                let mut conn = PgConnection::establish(&url)?;
                Postgres::run(&mut conn, session);
                Ok(conn)
            })
            .options(options().batch_size(7).workers(workers))
            .advance_to(conn, Step::Verify);
        assert_eq!(status.expect("no row differs").mismatches, Some(0));
    }
    // but what only prints differently is different
    Postgres::behind_the_triggers(
        conn,
        "UPDATE readings SET word = 'STRASSE2' WHERE name = 'straße2'; UPDATE readings SET measure = 0 WHERE size = 0",
    );
    match readings::migration()
        .options(options())
        .advance_to(conn, Step::Verify)
    {
        Err(Error::Mismatches { count, .. }) => assert_eq!(count, 2),
        other => panic!("{other:?}"),
    }
}

/// A row that differs when it is read, and no more when it is read again.
#[test]
fn fm41_a_row_that_changes_between_two_reads() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    prices(conn, 50);
    let options = || options().batch_size(10);
    advance_prices(conn, &db.url(), options(), 1, Step::Backfill).expect("all values convert");
    let spoil = "UPDATE prices SET price = '9999.00', cents = 1 WHERE id = 25";
    let repair = "UPDATE prices SET cents = 999900 WHERE id = 25";
    // found and gone before the second look
    Postgres::behind_the_triggers(conn, spoil);
    let mut other = db.connect();
    let hook: Hook = Box::new(move || Postgres::behind_the_triggers(&mut other, repair));
    *HOOK.lock().unwrap_or_else(PoisonError::into_inner) = Some(hook);
    let status = advance_prices(conn, &db.url(), options(), 1, Step::Verify);
    assert_eq!(status.expect("no row differs for long").mismatches, Some(0));
    let hook = HOOK.lock().unwrap_or_else(PoisonError::into_inner).take();
    assert!(hook.is_none(), "the row was looked at");
    // and one that stays
    Postgres::behind_the_triggers(conn, spoil);
    match advance_prices(conn, &db.url(), options(), 1, Step::Verify) {
        Err(Error::Mismatches { count, samples, .. }) => {
            assert_eq!((count, samples), (1, vec!["25".to_owned()]));
        }
        other => panic!("{other:?}"),
    }
}

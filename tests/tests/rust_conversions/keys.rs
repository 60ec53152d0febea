//! The queue finds rows again whatever their keys are.

use expand_contract::phase::Step;
use expand_contract::Error;
use expand_contract::MigrateOn;
use tests::database::{Db, Lite, Postgres};

use crate::{options, parse, print};

macro_rules! keyed {
    ($($name:ident ($($key:ident -> $sql:ty),*)),* $(,)?) => {$(
        mod $name {
            use super::{parse, print};

            #[expand_contract::migrate(cents(
                rename_from = "price", retype_from = Text, old_type = String, new_type = i32,
                up_with = parse, down_with = print
            ))]
            diesel::table! {
                use diesel::sql_types::*;

                $name ($($key),*) {
                    $($key -> $sql,)*
                    cents -> Integer,
                }
            }

            pub(super) use $name::table;
        }
    )*};
}

keyed!(
    composite(region -> Text, code -> Integer),
    texts(id -> Text),
    blobs(entry -> Binary),
    uuids(id -> Uuid),
    times(at -> Timestamptz, x -> Double),
    anything(id -> Text),
);

/// Rows of `keys` (literals of the key's columns) are queued, some of them given another key, and drained.
fn goes<D: Db, M>(db: &D, table: &str, columns: &str, constraint: &str, keys: &[&str])
where
    M: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    D::run(
        conn,
        &format!("CREATE TABLE {table} ({columns}, price text NOT NULL, {constraint}"),
    );
    for key in keys {
        D::run(conn, &format!("INSERT INTO {table} VALUES ({key}, '1.00')"));
    }
    let migrate =
        |conn: &mut D::Conn, step| M::migration().options(options()).advance_to(conn, step);
    migrate(conn, Step::Verify).expect("all values convert");
    let queued = |conn: &mut D::Conn| M::migration().status(conn).expect("a ledger").queued;
    D::run(conn, &format!("UPDATE {table} SET price = '2.00'"));
    assert_eq!(queued(conn), keys.len() as u64);
    if !D::POSTGRES {
        // whatever the rows are numbered by may change
        D::run(conn, "VACUUM");
    }
    let drained = M::migration().options(options()).drain(conn);
    let drained = drained.expect("the queue can be drained");
    assert_eq!((drained.converted, drained.left), (keys.len() as u64, 0));
    // each of them by itself, so that none is found by another one's key
    D::run(conn, &format!("UPDATE {table} SET cents = 300"));
    assert_eq!(queued(conn), keys.len() as u64);
    let drained = M::migration().options(options().batch_size(1)).drain(conn);
    assert_eq!(
        drained.expect("the queue can be drained").converted,
        keys.len() as u64
    );
    let right = format!("SELECT count(*) FROM {table} WHERE price = '3.00' AND cents = 300");
    assert_eq!(D::text(conn, &right), Some(keys.len().to_string()));
    // a row whose key changes takes its entry along
    D::run(conn, &format!("UPDATE {table} SET price = '4.00'"));
    let key = columns.split_whitespace().next().expect("a column");
    let other = match columns.split_whitespace().nth(1) {
        None => format!("typeof({key}) || hex({key})"),
        Some("text" | "text,") => format!("{key} || '!'"),
        Some("bytea") => format!("{key} || '\\x21'::bytea"),
        Some("blob") => format!("CAST({key} || x'21' AS blob)"),
        Some("timestamptz,") => format!("{key} + interval '1 second'"),
        Some("uuid") => format!("translate({key}::text, '0', 'f')::uuid"),
        other => panic!("{other:?}"),
    };
    D::run(
        conn,
        &format!("UPDATE {table} SET {key} = {other} WHERE {key} IS NOT NULL"),
    );
    let outcome = migrate(conn, Step::Switch);
    if let Err(Error::Mismatches { samples, .. }) = &outcome {
        panic!("{samples:?}");
    }
    outcome.expect("the queue is drained");
    let right = format!("SELECT count(*) FROM {table} WHERE price = '4.00' AND cents = 400");
    assert_eq!(D::text(conn, &right), Some(keys.len().to_string()));
    migrate(conn, Step::Contract).expect("nothing is in the way");
}

const TEXTS: [&str; 8] = [
    "''",
    "'it''s'",
    "'a, b'",
    "'\"q\"'",
    "'Weiße Größe'",
    "'back\\slash'",
    "'[1]'",
    "'NULL'",
];

#[test]
fn composite_keys() {
    let keys = [
        "'', -1",
        "'', 0",
        "'it''s, 1', 1",
        "'1', 11",
        "'11', 1",
        "'é', 7",
    ];
    let end = "PRIMARY KEY (region, code))";
    let columns = "region text, code integer";
    goes::<_, composite::table>(&Postgres::fresh(), "composite", columns, end, &keys);
    goes::<_, composite::table>(&Lite::fresh(), "composite", columns, end, &keys);
    let end = "PRIMARY KEY (region, code)) WITHOUT ROWID";
    goes::<_, composite::table>(&Lite::fresh(), "composite", columns, end, &keys);
}

#[test]
fn text_keys() {
    let end = "PRIMARY KEY (id))";
    goes::<_, texts::table>(&Postgres::fresh(), "texts", "id text", end, &TEXTS);
    goes::<_, texts::table>(&Lite::fresh(), "texts", "id text", end, &TEXTS);
    // longer than an index of another kind takes
    let long = "(SELECT left(translate(string_agg(encode(sha256(i::text::bytea), 'base64'), ''), \
                'abcdefgh', repeat('\"', 8)), 2650) FROM generate_series(1, 100) i)";
    goes::<_, texts::table>(&Postgres::fresh(), "texts", "id text", end, &[long]);
}

#[test]
fn blob_keys() {
    // a column of the queue has the same name
    let end = "PRIMARY KEY (entry))";
    let keys = ["'\\x'", "'\\x00'", "'\\xca27fe'", "'\\x2c20'"];
    goes::<_, blobs::table>(&Postgres::fresh(), "blobs", "entry bytea", end, &keys);
    let keys = ["x''", "x'00'", "x'ca27fe'", "x'2c20'"];
    goes::<_, blobs::table>(&Lite::fresh(), "blobs", "entry blob", end, &keys);
}

#[test]
fn uuid_keys() {
    let keys = [
        "'00000000-0000-0000-0000-000000000001'",
        "'5f0c5cd6-9b0a-4f8a-8a51-0c3b1b1a0002'",
    ];
    goes::<_, uuids::table>(
        &Postgres::fresh(),
        "uuids",
        "id uuid",
        "PRIMARY KEY (id))",
        &keys,
    );
}

// SQLite's columns hold values of any type, a primary key NULL among them.
#[test]
fn keys_of_any_type() {
    let keys = [
        "1",
        "'1'",
        "x'31'",
        "1.5",
        "-9.0e+300",
        "'a' || char(0) || 'b'",
        "'a'",
        "NULL",
    ];
    let db = &Lite::fresh();
    goes::<_, anything::table>(db, "anything", "id", "PRIMARY KEY (id))", &keys);
}

// The text of a key depends on settings: a writer has other ones than the runner.
#[test]
fn keys_whose_text_depends_on_settings() {
    let db = Postgres::fresh();
    let name = Postgres::text(&mut db.connect(), "SELECT current_database()");
    Postgres::run(
        &mut db.connect(),
        &format!(
            "ALTER DATABASE {0} SET datestyle = 'SQL, DMY'; ALTER DATABASE {0} SET timezone = 'Asia/Tokyo'; \
             ALTER DATABASE {0} SET extra_float_digits = -5",
            name.expect("it has a name")
        ),
    );
    let keys = [
        "'2026-03-01 12:00:00+00', 0.1::float8 + 0.2::float8",
        "'2026-03-02 23:30:00.123456+00', 1e300",
    ];
    let columns = "at timestamptz, x double precision";
    goes::<_, times::table>(&db, "times", columns, "PRIMARY KEY (at, x))", &keys);
}

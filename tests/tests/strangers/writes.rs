//! Every kind of write by somebody who knows one column only.

use expand_contract::phase::Step;
use expand_contract::{Error, MigrateOn};
use tests::database::{Db, Postgres};

use crate::{advance, defaulted, options, people, plain, row, Person};

// NOT NULL, and no default: an INSERT that names only the old column would fail if the new one were NOT NULL too early.
fn fm04_old_only_inserts_succeed_until_the_column_is_retired<D: Db>(db: &D)
where
    people::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    plain::<D>(conn);
    for (i, step) in
        (10..)
            .step_by(10)
            .zip([Step::Expand, Step::Backfill, Step::Verify, Step::Switch])
    {
        advance::<D>(conn, step);
        D::run(
            conn,
            &format!(
                "INSERT INTO people (id, email, sum, exact) VALUES ({i}, 'a', 'ca', 2.5), ({}, 'b', NULL, 3)",
                i + 1
            ),
        );
        assert_eq!(row::<D>(conn, i), "a a ca ca 2.5 2", "{step}");
        assert_eq!(row::<D>(conn, i + 1), "b b NULL NULL 3 3", "{step}");
        D::run(
            conn,
            &format!("INSERT INTO people (id, email, exact) SELECT {}, email, 7 FROM people WHERE id = {i}", i + 2),
        );
        assert_eq!(row::<D>(conn, i + 2), "a a NULL NULL 7 7", "{step}");
    }
}

fn fm05_new_only_inserts_succeed_from_retired_on<D: Db>(db: &D)
where
    people::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    plain::<D>(conn);
    for (id, step) in (2..).zip([Step::Retire, Step::Contract]) {
        advance::<D>(conn, step);
        D::run(
            conn,
            &format!(
                "INSERT INTO people (id, contact, digest, whole) VALUES ({id}, 'new', NULL, 4)"
            ),
        );
        D::run(
            conn,
            &format!("UPDATE people SET contact = contact || '!', whole = 5 WHERE id = {id}"),
        );
        let read = format!("SELECT contact || ' ' || whole FROM people WHERE id = {id}");
        assert_eq!(D::text(conn, &read).as_deref(), Some("new! 5"), "{step}");
    }
}

// All that can be written by people at a prompt.
fn fm07_strangers_are_mirrored<D: Db>(db: &D)
where
    people::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    plain::<D>(conn);
    for step in [Step::Expand, Step::Switch] {
        advance::<D>(conn, step);
        D::run(conn, "DELETE FROM people WHERE id > 1");
        D::run(
            conn,
            "INSERT INTO people (id, email, exact) VALUES (2, 'a', 1), (3, 'b', 2), (4, 'c', 3)",
        );
        // several rows at once, by an expression
        D::run(
            conn,
            "UPDATE people SET email = email || id, sum = 'ab', exact = exact + 0.5 WHERE id > 1",
        );
        assert_eq!(row::<D>(conn, 3), "b3 b3 ab ab 2.5 2", "{step}");
        // an upsert, on both of its ways
        let upsert = "INSERT INTO people (id, email, exact) VALUES (4, 'd', 9.5), (5, 'e', 9.5) \
             ON CONFLICT (id) DO UPDATE SET email = excluded.email || '!', sum = NULL, exact = excluded.exact";
        D::run(conn, upsert);
        assert_eq!(row::<D>(conn, 4), "d! d! NULL NULL 9.5 9", "{step}");
        assert_eq!(row::<D>(conn, 5), "e e NULL NULL 9.5 9", "{step}");
        // to NULL and back
        D::run(conn, "UPDATE people SET sum = NULL WHERE id = 2");
        assert_eq!(row::<D>(conn, 2), "a2 a2 NULL NULL 1.5 1", "{step}");
        D::run(conn, "UPDATE people SET sum = '0f' WHERE id = 2");
        assert_eq!(row::<D>(conn, 2), "a2 a2 0f 0f 1.5 1", "{step}");
        // the other column only
        D::run(
            conn,
            "UPDATE people SET contact = 'n', digest = NULL, whole = 6 WHERE id = 2",
        );
        assert_eq!(row::<D>(conn, 2), "n n NULL NULL 6 6", "{step}");
        // one column of each kind
        D::run(
            conn,
            "UPDATE people SET email = 'm', whole = 7 WHERE id = 2",
        );
        assert_eq!(row::<D>(conn, 2), "m m NULL NULL 7 7", "{step}");
    }
}

// A row that was not copied yet: NULL for the new column is a change that no value shows.
fn fm07_null_for_a_row_that_was_not_copied<D: Db>(db: &D)
where
    people::table: MigrateOn<D::Conn>,
{
    // On SQLite an AFTER trigger cannot tell it from a statement that leaves the column alone.
    if !D::POSTGRES {
        return;
    }
    let conn = &mut db.connect();
    plain::<D>(conn);
    D::run(
        conn,
        "INSERT INTO people (id, email, sum, exact) VALUES (2, 'two', 'zz', 2)",
    );
    advance::<D>(conn, Step::Expand);
    D::run(conn, "UPDATE people SET digest = NULL");
    assert_eq!(row::<D>(conn, 1), "one NULL NULL NULL 1.5 NULL");
    // to be read as NULL and written back so by a dual-writer: what only old knows stays
    assert_eq!(row::<D>(conn, 2), "two NULL zz NULL 2 NULL");
}

fn fm09_a_default_does_not_beat_what_was_written<D: Db>(db: &D)
where
    people::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    defaulted::<D>(conn);
    for step in [Step::Expand, Step::Switch] {
        advance::<D>(conn, step);
        D::run(conn, "DELETE FROM people WHERE id > 1");
        D::run(
            conn,
            "INSERT INTO people (id, contact, digest, whole) VALUES (2, 'new', NULL, 8)",
        );
        // (NULL written to a column that has a default cannot be told from a column that was left out)
        assert_eq!(row::<D>(conn, 2), "new new ff ff 8 8", "{step}");
        D::run(conn, "INSERT INTO people (id) VALUES (3)");
        assert_eq!(row::<D>(conn, 3), "nobody nobody ff ff 0.5 0", "{step}");
        D::run(conn, "INSERT INTO people (id, email) VALUES (4, 'old')");
        assert_eq!(row::<D>(conn, 4), "old old ff ff 0.5 0", "{step}");
        // the value of the default, written
        D::run(
            conn,
            "INSERT INTO people (id, email, exact) VALUES (5, 'nobody', 0.5)",
        );
        assert_eq!(row::<D>(conn, 5), "nobody nobody ff ff 0.5 0", "{step}");
    }
    advance::<D>(conn, Step::Retire);
    // now the new column has it
    D::run(
        conn,
        "INSERT INTO people (id, email, sum, exact) VALUES (6, 'old', 'ab', 6.5)",
    );
    assert_eq!(row::<D>(conn, 6), "old old ab ab 6.5 6");
    D::run(conn, "INSERT INTO people (id, contact) VALUES (7, 'new')");
    let read = "SELECT contact || ' ' || whole FROM people WHERE id = 7";
    assert_eq!(D::text(conn, read).as_deref(), Some("new 0"));
}

// Who cannot be told from a writer of both is mirrored, not refused.
fn fm09_a_default_that_gives_another_value_each_time<D: Db>(db: &D)
where
    people::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    let random = if D::POSTGRES {
        "gen_random_uuid()::text"
    } else {
        "lower(hex(randomblob(16)))"
    };
    D::run(
        conn,
        &format!(
            "CREATE TABLE people (id integer PRIMARY KEY, note text NOT NULL DEFAULT 'none', \
             email text NOT NULL DEFAULT ({random}), sum text, exact double precision NOT NULL DEFAULT 0.5); \
             INSERT INTO people (id) VALUES (1)"
        ),
    );
    for step in [Step::Expand, Step::Switch] {
        advance::<D>(conn, step);
        D::run(conn, "DELETE FROM people WHERE id > 1");
        D::run(conn, "INSERT INTO people (id, contact) VALUES (2, 'new')");
        assert_eq!(row::<D>(conn, 2), "new new NULL NULL 0.5 0", "{step}");
        D::run(conn, "INSERT INTO people (id) VALUES (3)");
        let same = "SELECT email = contact AND length(email) > 30 FROM people WHERE id = 3";
        let same = D::text(conn, same);
        assert!(
            matches!(same.as_deref(), Some("true" | "1")),
            "{step}: {same:?}"
        );
    }
    advance::<D>(conn, Step::Retire);
    D::run(conn, "INSERT INTO people (id, email) VALUES (4, 'old')");
    let read = "SELECT contact || ' ' || whole FROM people WHERE id = 4";
    assert_eq!(D::text(conn, read).as_deref(), Some("old 0"));
}

// Not copied yet, copied, poisoned: an update of something else touches neither column.
fn fm10_an_update_of_another_column_touches_neither_side<D: Db>(db: &D)
where
    people::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    plain::<D>(conn);
    advance::<D>(conn, Step::Expand);
    D::run(conn, "UPDATE people SET note = 'seen'");
    assert_eq!(row::<D>(conn, 1), "one NULL 01 NULL 1.5 NULL");
    advance::<D>(conn, Step::Switch);
    D::behind_the_triggers(
        conn,
        "INSERT INTO people (id, email, contact, sum, digest, exact, whole) VALUES (2, 'x', 'y', 'zz', NULL, 1, 2)",
    );
    D::run(conn, "UPDATE people SET note = 'seen again', id = id + 10");
    assert_eq!(row::<D>(conn, 11), "one one 01 01 1.5 1");
    assert_eq!(row::<D>(conn, 12), "x y zz NULL 1 2");
}

fn fm11_a_lossy_value_does_not_bounce<D: Db>(db: &D)
where
    people::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    plain::<D>(conn);
    advance::<D>(conn, Step::Switch);
    assert_eq!(row::<D>(conn, 1), "one one 01 01 1.5 1");
    for (set, found) in [
        // to the same whole number by the old writer, and by the new one
        ("exact = 1.75", "1.75 1"),
        ("whole = 1", "1.75 1"),
        ("whole = 2", "2 2"),
        ("exact = 2.5", "2.5 2"),
        // both, as the library writes them
        (
            "whole = 2, exact = CASE WHEN exact >= 2 AND exact < 3 THEN exact ELSE 2 END",
            "2.5 2",
        ),
        (
            "whole = 3, exact = CASE WHEN exact >= 3 AND exact < 4 THEN exact ELSE 3 END",
            "3 3",
        ),
    ] {
        D::run(conn, &format!("UPDATE people SET {set} WHERE id = 1"));
        assert_eq!(row::<D>(conn, 1), format!("one one 01 01 {found}"), "{set}");
    }
}

// Values that do not convert: their writer notices nothing, the ledger knows them, verify and switch do too.
fn fm38_poison_fails_nobody_and_goes_on_record<D: Db>(db: &D)
where
    people::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    plain::<D>(conn);
    advance::<D>(conn, Step::Verify);
    D::run(conn, "UPDATE people SET sum = 'zz' WHERE id = 1");
    D::run(
        conn,
        "INSERT INTO people (id, email, sum, exact) VALUES (2, 'two', 'yy', 1)",
    );
    assert_eq!(row::<D>(conn, 1), "one one zz NULL 1.5 1");
    assert_eq!(row::<D>(conn, 2), "two two yy NULL 1 1");
    let (dot, agg) = if D::POSTGRES {
        ('.', "string_agg")
    } else {
        ('_', "group_concat")
    };
    let known = format!(
        "SELECT {agg}(row_key, ' ') FROM (SELECT DISTINCT row_key FROM expand_contract{dot}quarantine ORDER BY row_key) q"
    );
    assert_eq!(D::text(conn, &known).as_deref(), Some("1 2"));
    let refused = Person::migration()
        .options(options())
        .advance_to(conn, Step::Switch);
    match refused {
        Err(Error::Mismatches { count: 2, .. }) => {}
        other => panic!("{other:?}"),
    }
    D::run(conn, "UPDATE people SET sum = '0a'");
    advance::<D>(conn, Step::Switch);
    assert_eq!(row::<D>(conn, 2), "two two 0a 0a 1 1");
    if !D::POSTGRES {
        // from `Retired` on the new column is NOT NULL, which comes before any AFTER trigger
        return;
    }
    advance::<D>(conn, Step::Retire);
    D::run(
        conn,
        "INSERT INTO people (id, email, sum, exact) VALUES (3, 'three', 'xx', 1)",
    );
    assert_eq!(row::<D>(conn, 3), "three three xx NULL 1 1");
}

// With a default on the new column an INSERT gives both, and one of them does not convert.
fn fm38_poison_beside_a_default<D: Db>(db: &D)
where
    people::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    defaulted::<D>(conn);
    advance::<D>(conn, Step::Retire);
    D::run(
        conn,
        "INSERT INTO people (id, email, sum, exact) VALUES (2, 'two', 'yy', 1)",
    );
    assert_eq!(row::<D>(conn, 2), "two two yy NULL 1 1");
}

// What no trigger sees is found by comparing, and repaired.
fn fm07_writes_without_triggers_are_found<D: Db>(db: &D)
where
    people::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    plain::<D>(conn);
    advance::<D>(conn, Step::Verify);
    D::behind_the_triggers(conn, "UPDATE people SET email = 'behind' WHERE id = 1");
    assert_eq!(row::<D>(conn, 1), "behind one 01 01 1.5 1");
    match Person::migration()
        .options(options())
        .advance_to(conn, Step::Switch)
    {
        Err(Error::Mismatches { samples, .. }) => assert_eq!(samples, ["1"]),
        other => panic!("{other:?}"),
    }
    advance::<D>(conn, Step::Backfill);
    advance::<D>(conn, Step::Switch);
    assert_eq!(row::<D>(conn, 1), "behind behind 01 01 1.5 1");
}

on_every_database!(
    fm04_old_only_inserts_succeed_until_the_column_is_retired,
    fm05_new_only_inserts_succeed_from_retired_on,
    fm07_strangers_are_mirrored,
    fm07_null_for_a_row_that_was_not_copied,
    fm07_writes_without_triggers_are_found,
    fm09_a_default_does_not_beat_what_was_written,
    fm09_a_default_that_gives_another_value_each_time,
    fm10_an_update_of_another_column_touches_neither_side,
    fm11_a_lossy_value_does_not_bounce,
    fm38_poison_beside_a_default,
    fm38_poison_fails_nobody_and_goes_on_record,
);

// A key of several columns, one of which is NULL in two rows: SQLite allows that.
#[test]
fn fm07_rows_are_known_by_more_than_their_key() {
    use tests::database::Lite;
    let db = Lite::fresh();
    let conn = &mut db.connect();
    Lite::run(
        conn,
        "CREATE TABLE people (id integer, note text DEFAULT 'none', email text NOT NULL, sum text, \
         exact double precision NOT NULL, PRIMARY KEY (id, note)); \
         INSERT INTO people (id, note, email, exact) VALUES (NULL, 'n', 'one', 1), (NULL, 'n', 'two', 2)",
    );
    advance::<Lite>(conn, Step::Switch);
    Lite::run(
        conn,
        "UPDATE people SET email = 'three' WHERE email = 'two'",
    );
    let both = "SELECT group_concat(email || '=' || contact, ' ') FROM (SELECT * FROM people ORDER BY email)";
    assert_eq!(
        Lite::text(conn, both).as_deref(),
        Some("one=one three=three")
    );
}

// The policy of the outer statement (OR REPLACE, OR IGNORE) is that of a trigger's statements, too.
#[test]
fn fm07_sqlite_conflict_policies() {
    use tests::database::Lite;
    let db = Lite::fresh();
    let conn = &mut db.connect();
    plain::<Lite>(conn);
    advance::<Lite>(conn, Step::Switch);
    for sql in [
        "INSERT OR REPLACE INTO people (id, email, exact) VALUES (1, 'r', 2.5)",
        "INSERT OR IGNORE INTO people (id, email, exact) VALUES (1, 'ignored', 3)",
        "INSERT OR IGNORE INTO people (id, email, exact) VALUES (2, 'i', 2.5)",
        "UPDATE OR IGNORE people SET email = 'u' WHERE id = 2",
        "REPLACE INTO people (id, email, exact) VALUES (2, 'rr', 4.5)",
    ] {
        Lite::run(conn, sql);
    }
    assert_eq!(row::<Lite>(conn, 1), "r r NULL NULL 2.5 2");
    assert_eq!(row::<Lite>(conn, 2), "rr rr NULL NULL 4.5 4");
    let counted = "SELECT writes FROM expand_contract_strangers WHERE side = 'old'";
    assert_eq!(Lite::text(conn, counted).as_deref(), Some("7"));
}

#[test]
fn fm07_postgres_statements() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    plain::<Postgres>(conn);
    advance::<Postgres>(conn, Step::Switch);
    let (read, run) = (row::<Postgres>, Postgres::run);
    run(
        conn,
        "COPY people (id, email, sum, exact) FROM PROGRAM 'printf \"2\\ta\\tca\\t2.5\\n3\\tb\\t\\\\N\\t3\\n\"'",
    );
    assert_eq!(read(conn, 2), "a a ca ca 2.5 2");
    assert_eq!(read(conn, 3), "b b NULL NULL 3 3");
    // RETURNING shows what the triggers made of the row
    let returned = "WITH x AS (INSERT INTO people (id, email, sum, exact) VALUES (4, 'r', 'ee', 4.5) RETURNING *) \
         SELECT contact || ' ' || encode(digest, 'hex') || ' ' || whole FROM x";
    run(conn, &format!("CREATE TABLE returned AS {returned}"));
    let returned = "SELECT * FROM returned";
    assert_eq!(Postgres::text(conn, returned).as_deref(), Some("r ee 4"));
    let version: u32 = Postgres::text(conn, "SELECT current_setting('server_version_num')")
        .and_then(|number| number.parse().ok())
        .expect("a server has a version");
    // MERGE came with 15
    if version >= 150_000 {
        run(
            conn,
            "MERGE INTO people p USING (VALUES (4, 'm4'), (5, 'm5')) v(id, email) ON p.id = v.id \
             WHEN MATCHED THEN UPDATE SET email = v.email, exact = p.exact + 1 \
             WHEN NOT MATCHED THEN INSERT (id, email, exact) VALUES (v.id, v.email, 5.5)",
        );
        assert_eq!(read(conn, 4), "m4 m4 ee ee 5.5 5");
        assert_eq!(read(conn, 5), "m5 m5 NULL NULL 5.5 5");
    }
    // a value that is an expression goes to one side only
    run(
        conn,
        "UPDATE people SET email = gen_random_uuid()::text WHERE id = 2",
    );
    let same = "SELECT email = contact AND length(email) = 36 FROM people WHERE id = 2";
    assert_eq!(Postgres::text(conn, same).as_deref(), Some("true"));
}

// Functions run with the operator's rights: a writer needs none on the new column, the ledger or what a conversion reads.
#[test]
fn fm07_a_role_that_may_write_the_old_column_only() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    plain::<Postgres>(conn);
    Postgres::run(
        conn,
        "CREATE ROLE old_release LOGIN; GRANT SELECT (id), INSERT (id, email, sum, exact), UPDATE (email, sum) ON people \
         TO old_release",
    );
    advance::<Postgres>(conn, Step::Switch);
    let mut session = Postgres::open(&db.url().replace("user=postgres", "user=old_release"));
    let stranger = &mut session;
    Postgres::run(
        stranger,
        "INSERT INTO people (id, email, sum, exact) VALUES (2, 'two', '02', 2.5); \
         UPDATE people SET email = 'TWO', sum = 'zz' WHERE id = 2",
    );
    assert_eq!(row::<Postgres>(conn, 2), "TWO TWO zz NULL 2.5 2");
    // a type of the writer's own in the place of one that a function names does not get the operator's rights
    let mut session = Postgres::open(&db.url().replace("user=postgres", "user=old_release"));
    Postgres::run(
        &mut session,
        "CREATE FUNCTION pg_temp.mine() RETURNS boolean LANGUAGE plpgsql AS \
         'BEGIN RAISE EXCEPTION ''run as %'', current_user; END'; \
         CREATE DOMAIN pg_temp.bytea AS pg_catalog.bytea CHECK (pg_temp.mine()); \
         CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (pg_temp.mine()); \
         UPDATE people SET email = 'three', sum = '0a' WHERE id = 2",
    );
    assert_eq!(row::<Postgres>(conn, 2), "three three 0a 0a 2.5 2");
    let stranger = &mut session;
    let who = Person::migration().status(conn).expect("there is a ledger");
    let roles: Vec<_> = who.strangers.iter().map(|s| s.role.as_deref()).collect();
    assert_eq!(roles, [Some("old_release")]);
    // nobody may call what the triggers call
    for call in [
        "SELECT expand_contract.saw('people-columns', 1, 'old', 'a.b', '1')",
        "SELECT expand_contract.poisoned('people-columns', 1, 'k', 'r')",
        "INSERT INTO expand_contract.strangers SELECT * FROM expand_contract.strangers",
    ] {
        assert!(Postgres::fails(stranger, call), "{call}");
    }
    drop(session);
    advance::<Postgres>(conn, Step::Contract);
    Postgres::run(conn, "DROP OWNED BY old_release; DROP ROLE old_release");
}

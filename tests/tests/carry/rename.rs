//! A rename, against the database's own: `ALTER TABLE … RENAME COLUMN` on the same table is what must come out.

use crate::{options, rolls_back};
use expand_contract::phase::Step;
use expand_contract::prelude::*;
use tests::catalogue::{assert_same, of_table};
use tests::database::{Db, Postgres};

diesel::table! {
    people (id) {
        id -> Integer,
        day -> Nullable<Text>,
        city -> Nullable<Text>,
        score -> Integer,
        deleted_at -> Nullable<Timestamptz>,
    }
}

#[derive(Migrate)]
#[diesel(table_name = people)]
#[allow(dead_code)]
struct Person {
    id: i32,
    // the name of a type and of functions, which stands in all kinds of places
    #[migrate(rename_from = "date")]
    day: Option<String>,
    city: Option<String>,
    score: i32,
    deleted_at: Option<std::time::SystemTime>,
}

/// One of everything that a column may have.
pub(crate) fn table(conn: &mut PgConnection) {
    Postgres::run(
        conn,
        r#"
        DO $$ BEGIN CREATE ROLE carry_reader; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$;
        DO $$ BEGIN CREATE ROLE carry_chief; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$;
        CREATE EXTENSION pg_trgm; CREATE EXTENSION btree_gist;
        CREATE FUNCTION date(text, text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1 || $2';
        CREATE TABLE people (
            id integer PRIMARY KEY,
            date varchar(80) COLLATE "C" NOT NULL DEFAULT 'no''body',
            city text,
            score integer NOT NULL DEFAULT 0,
            deleted_at timestamptz,
            CONSTRAINT people_date_check CHECK (date <> 'date' AND date(date, 'date'::text) <> ''),
            CONSTRAINT "two of ""them""" CHECK (city IS NOT NULL OR date LIKE '%' OR ROW(date, 1) IS NULL),
            CONSTRAINT kept_here CHECK (length(date) < 100) NO INHERIT,
            CONSTRAINT people_date_city_key UNIQUE (date, city) INCLUDE (score) DEFERRABLE INITIALLY DEFERRED,
            CONSTRAINT people_date_score_key UNIQUE NULLS NOT DISTINCT (score, date)
        );
        DO $$ BEGIN IF current_setting('server_version_num')::integer >= 180000 THEN
            ALTER TABLE people ALTER COLUMN date DROP NOT NULL;
            EXECUTE 'ALTER TABLE people ADD CONSTRAINT "said so" NOT NULL date NO INHERIT';
            COMMENT ON CONSTRAINT "said so" ON people IS 'it''s \ so';
        END IF; END $$;
        ALTER TABLE people ADD CONSTRAINT not_yet CHECK (date !~ '^x' AND date::text IS NOT NULL) NOT VALID;
        COMMENT ON CONSTRAINT people_date_check ON people IS 'it''s a \ check';
        COMMENT ON CONSTRAINT people_date_city_key ON people IS 'a key';
        COMMENT ON COLUMN people.date IS 'the day';
        ALTER TABLE people ALTER COLUMN date SET STATISTICS 321, ALTER COLUMN date SET STORAGE EXTERNAL,
            ALTER COLUMN date SET COMPRESSION pglz, ALTER COLUMN date SET (n_distinct = -0.5, n_distinct_inherited = 7);
        GRANT SELECT (date), UPDATE (date, city) ON people TO carry_chief WITH GRANT OPTION;
        GRANT SELECT (date) ON people TO PUBLIC;
        SET ROLE carry_chief; GRANT UPDATE (date) ON people TO carry_reader; RESET ROLE;
        CREATE UNIQUE INDEX people_identity ON people (date DESC NULLS LAST, id);
        CREATE UNIQUE INDEX people_live ON people (lower(date), (score + 1)) WHERE deleted_at IS NULL AND date <> '';
        CREATE INDEX people_date ON people (date text_pattern_ops, city DESC, date COLLATE "POSIX" NULLS FIRST) WITH (fillfactor = 70);
        CREATE INDEX people_lower ON people (lower(date), length(date::text) DESC) INCLUDE (date);
        ALTER INDEX people_lower ALTER COLUMN 1 SET STATISTICS 777;
        CREATE INDEX people_partial ON people (score) WHERE date = 'date' OR (date COLLATE "C") > 'd' AND score + '2020-01-01'::date > '2019-01-01'::date;
        CREATE INDEX people_hash ON people USING hash (date);
        CREATE INDEX people_gin ON people USING gin (date gin_trgm_ops, to_tsvector('simple', date)) WITH (fastupdate = off);
        CREATE INDEX people_gist ON people USING gist (date gist_trgm_ops (siglen = 32), to_tsvector('simple'::regconfig, date) tsvector_ops (siglen = 100));
        CREATE INDEX people_brin ON people USING brin (date text_bloom_ops (n_distinct_per_range = 20)) WITH (pages_per_range = 2);
        CREATE INDEX people_spgist ON people USING spgist ((date::text));
        CREATE INDEX people_extract ON people ((EXTRACT(day FROM deleted_at AT TIME ZONE 'UTC')), date);
        COMMENT ON INDEX people_gin IS 'words';
        ALTER INDEX people_gin DEPENDS ON EXTENSION pg_trgm;
        ALTER TABLE people CLUSTER ON people_date;
        ALTER TABLE people REPLICA IDENTITY USING INDEX people_identity;
        CREATE STATISTICS people_plain (ndistinct, dependencies) ON date, city FROM people;
        CREATE STATISTICS people_all ON date, score, (lower(date)), (date(date, city)) FROM people;
        CREATE STATISTICS people_one ON (upper(date)) FROM people;
        CREATE SCHEMA "Else"; CREATE STATISTICS "Else"."Stat" (mcv) ON score, date FROM people;
        ALTER STATISTICS people_plain SET STATISTICS 99;
        COMMENT ON STATISTICS people_one IS 'one';
        ALTER TABLE people ENABLE ROW LEVEL SECURITY;
        CREATE POLICY score ON people USING (score >= 0);
        INSERT INTO people SELECT i, 'd' || i, CASE WHEN i % 3 = 0 THEN 'c' || i END, i FROM generate_series(1, 120) i;
        "#,
    );
}

/// The table before, and as the database itself renames the column.
fn before_and_after() -> (Postgres, String, String) {
    let db = Postgres::fresh();
    let before = {
        let conn = &mut db.connect();
        table(conn);
        of_table(conn, "people")
    };
    let wanted = {
        let copy = db.copy();
        let conn = &mut copy.connect();
        Postgres::run(conn, "ALTER TABLE people RENAME COLUMN date TO day");
        of_table(conn, "people")
    };
    (db, before, wanted)
}

#[test]
fn fm30_a_rename_changes_nothing_but_the_name() {
    let (db, before, wanted) = before_and_after();
    let conn = &mut db.connect();
    assert_ne!(before, wanted);
    for step in [
        Step::Expand,
        Step::Backfill,
        Step::Verify,
        Step::Switch,
        Step::Retire,
    ] {
        let mut migration = Person::migration().options(options());
        migration.advance_to(conn, step).expect("the step is done");
    }
    // what was changed on the way counts as well
    for side in [
        "COMMENT ON COLUMN people.date IS 'another'",
        "GRANT SELECT (date) ON people TO carry_reader",
    ] {
        Postgres::run(conn, side);
    }
    let mut migration = Person::migration().options(options());
    migration.run(conn).expect("it ends");
    let wanted = {
        let copy = Postgres::fresh();
        let other = &mut copy.connect();
        table(other);
        Postgres::run(
            other,
            "COMMENT ON COLUMN people.date IS 'another'; GRANT SELECT (date) ON people TO carry_reader; \
             ALTER TABLE people RENAME COLUMN date TO day",
        );
        assert_ne!(of_table(other, "people"), wanted);
        of_table(other, "people")
    };
    assert_same(&of_table(conn, "people"), &wanted, "after `contract`");
}

#[test]
fn fm30_an_empty_table_comes_out_the_same() {
    let (db, _, wanted) = before_and_after();
    let conn = &mut db.connect();
    Postgres::run(conn, "TRUNCATE people");
    let mut migration = Person::migration().options(options());
    migration.run_on_empty(conn).expect("it is empty");
    assert_same(&of_table(conn, "people"), &wanted, "after `run_on_empty`");
}

#[test]
fn fm30_a_rollback_leaves_all_as_it_was() {
    let (db, before, _) = before_and_after();
    let conn = &mut db.connect();
    let rows = "SELECT string_agg(p::text, ';' ORDER BY id) FROM (SELECT id, date, city, score, deleted_at FROM people) p";
    let values = Postgres::text(conn, rows);
    rolls_back(conn, "people", Person::migration);
    assert_same(&of_table(conn, "people"), &before, "after all rollbacks");
    assert_eq!(Postgres::text(conn, rows), values);
    // and forward from there
    let mut migration = Person::migration().options(options());
    migration.run(conn).expect("it ends");
}

/// The plan is made of what every role may read, and says all that will be done.
#[test]
fn fm45_a_role_that_may_only_read_sees_what_is_carried() {
    let (db, _, _) = before_and_after();
    let conn = &mut db.connect();
    Postgres::run(conn, "GRANT SELECT ON people TO carry_reader");
    let before = of_table(conn, "people");
    Postgres::run(
        conn,
        "SET ROLE carry_reader; SET default_transaction_read_only = on",
    );
    let mut migration = Person::migration().options(options());
    let plan = migration.plan(conn).expect("it can be made");
    let all: Vec<&str> = plan
        .iter()
        .flat_map(|action| action.sql.iter().map(String::as_str))
        .collect();
    for wanted in [
        r#"ADD CONSTRAINT "people_date_check_ec_"#,
        r#"("day")::text <> 'date'::text"#,
        r#"date(("day")::text, 'date'::text)"#,
        r#"lower(("day")::text)"#,
        r#"TO "people_date_check""#,
        r#"REPLICA IDENTITY USING INDEX "people_identity_ecu_"#,
        r#"SET COMPRESSION pglz"#,
        r#"CLUSTER ON "people_date""#,
    ] {
        let found = all
            .iter()
            .any(|sql| sql.replace("(((", "((").contains(wanted));
        assert!(found, "{wanted}: {all:#?}");
    }
    assert!(!all.iter().any(|sql| sql.contains("CASCADE")));
    Postgres::run(conn, "RESET ROLE; RESET default_transaction_read_only");
    assert_same(&of_table(conn, "people"), &before, "a plan changes nothing");
}

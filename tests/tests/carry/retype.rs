//! Retypes, against the same table as somebody would make it who knew the end.

use crate::{options, rolls_back};
use expand_contract::prelude::*;
use tests::catalogue::{assert_same, of_table};
use tests::database::{Db, Postgres};

diesel::table! {
    people (id) {
        id -> Integer,
        age_years -> Integer,
        city -> Nullable<Text>,
    }
}

#[derive(Migrate)]
#[diesel(table_name = people)]
#[allow(dead_code)]
struct Person {
    id: i32,
    #[migrate(
        rename_from = "age", retype_from = Text, lossless,
        up = "cast(age as integer)", down = "cast(age_years as text)",
        carry(
            "people_age_check" = "AGE_YEARS >= 0",
            "not_yet"(postgres = "age_years >= 1 OR city IS NULL"),
            "people_lower" = "(((age_years + 1)) DESC, city) WHERE age_years > 10",
            "people_unique" = "USING btree (age_years) INCLUDE (city) WHERE city <> ''",
            "people_city_key" = "(city, age_years)",
            "people_mod" = "(city, (age_years % 10))",
        ),
        drop("gone", "people_pattern", "people_upper", "people_only"),
    )]
    age_years: i32,
    city: Option<String>,
}

fn before(conn: &mut PgConnection) {
    Postgres::run(
        conn,
        r#"
        CREATE TABLE people (
            id integer PRIMARY KEY,
            age text COLLATE "C" NOT NULL DEFAULT '7',
            city text,
            CONSTRAINT people_age_check CHECK (age ~ '^[0-9]+$'),
            CONSTRAINT gone CHECK (length(age) < 4),
            CONSTRAINT people_city_key UNIQUE (city, age) DEFERRABLE,
            CONSTRAINT people_age_key UNIQUE (age, id)
        );
        ALTER TABLE people ADD CONSTRAINT not_yet CHECK (age >= '1' OR city IS NULL) NOT VALID;
        COMMENT ON CONSTRAINT people_age_check ON people IS 'years';
        COMMENT ON COLUMN people.age IS 'how old';
        ALTER TABLE people ALTER COLUMN age SET STATISTICS 55, ALTER COLUMN age SET STORAGE EXTERNAL, ALTER COLUMN age SET COMPRESSION pglz;
        CREATE INDEX people_age ON people USING btree (age DESC, lower(city)) WHERE city IS NOT NULL;
        CREATE INDEX people_lower ON people (lower(age));
        CREATE INDEX people_pattern ON people (age text_pattern_ops);
        CREATE UNIQUE INDEX people_unique ON people (lower(age)) WHERE city <> '';
        CREATE UNIQUE INDEX people_only ON people (age, city, id);
        ALTER TABLE people CLUSTER ON people_age_key;
        CREATE STATISTICS people_plain ON city, age FROM people;
        CREATE STATISTICS people_mod ON city, (lower(age)) FROM people;
        CREATE STATISTICS people_upper ON (upper(age)) FROM people;
        INSERT INTO people SELECT i, i, 'c' || i FROM generate_series(1, 120) i;
        INSERT INTO people VALUES (121, '11', ''), (122, '12', NULL);
        "#,
    );
}

fn after(conn: &mut PgConnection) {
    Postgres::run(
        conn,
        r#"
        CREATE TABLE people (
            id integer PRIMARY KEY,
            -- as it was called before, where the server gives it a name
            age_years integer CONSTRAINT people_age_not_null NOT NULL DEFAULT cast('7'::text as integer),
            city text,
            CONSTRAINT people_age_check CHECK (age_years >= 0),
            CONSTRAINT people_city_key UNIQUE (city, age_years) DEFERRABLE,
            CONSTRAINT people_age_key UNIQUE (age_years, id)
        );
        ALTER TABLE people ADD CONSTRAINT not_yet CHECK (age_years >= 1 OR city IS NULL) NOT VALID;
        COMMENT ON CONSTRAINT people_age_check ON people IS 'years';
        COMMENT ON COLUMN people.age_years IS 'how old';
        ALTER TABLE people ALTER COLUMN age_years SET STATISTICS 55;
        CREATE INDEX people_age ON people USING btree (age_years DESC, lower(city)) WHERE city IS NOT NULL;
        CREATE INDEX people_lower ON people ((age_years + 1) DESC, city) WHERE age_years > 10;
        CREATE UNIQUE INDEX people_unique ON people (age_years) INCLUDE (city) WHERE city <> '';
        ALTER TABLE people CLUSTER ON people_age_key;
        CREATE STATISTICS people_plain ON city, age_years FROM people;
        CREATE STATISTICS people_mod ON city, (age_years % 10) FROM people;
        "#,
    );
    // by then, which has no constraint's name in it
    Postgres::run(
        conn,
        "ALTER TABLE people ALTER COLUMN age_years SET DEFAULT cast(('7'::text) as integer)",
    );
}

fn described(make: fn(&mut PgConnection)) -> String {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    make(conn);
    of_table(conn, "people")
}

#[test]
fn fm30_a_retype_changes_the_name_and_the_type() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    before(conn);
    let mut migration = Person::migration().options(options());
    migration.run(conn).expect("it ends");
    let found = of_table(conn, "people");
    assert_same(&found, &described(after), "after `contract`");
    assert_eq!(
        Postgres::text(conn, "SELECT sum(age_years) FROM people").as_deref(),
        Some("7283")
    );
}

#[test]
fn fm30_an_empty_table_is_retyped_the_same() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    before(conn);
    Postgres::run(conn, "TRUNCATE people");
    let mut migration = Person::migration().options(options());
    migration.run_on_empty(conn).expect("it is empty");
    assert_same(&of_table(conn, "people"), &described(after), "at once");
}

#[test]
fn fm30_a_retype_rolls_back() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    before(conn);
    rolls_back(conn, "people", Person::migration);
}

#[test]
fn a_row_that_breaks_what_the_annotation_gives_stops_the_switch() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    before(conn);
    // the old CHECK lets it through
    Postgres::run(
        conn,
        "ALTER TABLE people DROP CONSTRAINT people_age_check; UPDATE people SET age = '-5', city = NULL WHERE id = 50; \
         ALTER TABLE people ADD CONSTRAINT people_age_check CHECK (age ~ '^-?[0-9]+$')",
    );
    let mut migration = Person::migration().options(options());
    match migration.run(conn) {
        Err(expand_contract::Error::Mismatches { count, .. }) => assert_eq!(count, 1),
        other => panic!("{other:?}"),
    }
}

mod two_passes {
    use super::*;

    diesel::table! {
        limits (id) {
            id -> Integer,
            low -> BigInt,
            high -> BigInt,
        }
    }

    #[derive(Migrate)]
    #[diesel(table_name = limits)]
    #[allow(dead_code)]
    struct Limit {
        id: i32,
        #[migrate(
            retype_from = Integer, lossless, monotonic,
            up = "cast(low as bigint)", down = "cast(low as integer)",
            // over both columns, which have other names in between
            carry("in_order" = "low < high"),
        )]
        low: i64,
        #[migrate(
            retype_from = Integer, lossless, monotonic,
            up = "cast(high as bigint)", down = "cast(high as integer)",
            carry("spread" = "((high - low)) WHERE low > 0"),
        )]
        high: i64,
    }

    fn limits(conn: &mut PgConnection, type_sql: &str) {
        Postgres::run(
            conn,
            &format!(
                "CREATE TABLE limits (id integer PRIMARY KEY, low {type_sql} NOT NULL, high {type_sql} NOT NULL, \
                   CONSTRAINT in_order CHECK (low < high)); \
                 CREATE INDEX spread ON limits ((high - low)) WHERE low > 0; \
                 CREATE UNIQUE INDEX lows ON limits (low) INCLUDE (high); \
                 CREATE STATISTICS both_ends ON low, high FROM limits; \
                 INSERT INTO limits SELECT i, i, i * 2 FROM generate_series(1, 60) i"
            ),
        );
    }

    #[test]
    fn fm30_a_retype_that_keeps_its_name_carries_what_is_over_two_of_them() {
        let wanted = {
            let db = Postgres::fresh();
            let conn = &mut db.connect();
            limits(conn, "bigint");
            of_table(conn, "limits")
        };
        for empty in [false, true] {
            let db = Postgres::fresh();
            let conn = &mut db.connect();
            limits(conn, "integer");
            let mut migration = Limit::migration().options(options());
            if empty {
                Postgres::run(conn, "TRUNCATE limits");
                migration.run_on_empty(conn).expect("it is empty");
            } else {
                migration.run(conn).expect("it ends");
            }
            assert_same(&of_table(conn, "limits"), &wanted, "after both passes");
        }
    }

    #[test]
    fn fm30_the_first_of_two_passes_rolls_back() {
        let db = Postgres::fresh();
        let conn = &mut db.connect();
        limits(conn, "integer");
        rolls_back(conn, "limits", Limit::migration);
    }
}

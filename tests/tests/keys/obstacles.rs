//! Keys and sequences that cannot be carried are named before anything is changed.

use crate::common::*;
use crate::support::*;
use diesel::PgConnection;
use expand_contract::definition::{ChangeDef, Conversion, Part, SqlExpr};
use expand_contract::{Error, Migrate, MigrateOn};
use Part::{Column, Sql};

diesel::table! {
    coded (id) {
        id -> Integer,
        code -> Text,
    }
}

const fn converted(up: &'static [Part], down: &'static [Part], to: &'static str) -> ChangeDef {
    const fn any(parts: &'static [Part]) -> SqlExpr {
        SqlExpr {
            any: Some(parts),
            postgres: None,
            sqlite: None,
        }
    }
    ChangeDef {
        conversion: Conversion::Sql {
            up: any(up),
            down: any(down),
        },
        new_type: both(to),
        ..rename("number", "code")
    }
}

migration!(
    AsText,
    coded::table,
    "as-text",
    [converted(
        &[Column, Sql("::text")],
        &[Column, Sql("::integer")],
        "text"
    )]
);
migration!(
    Negated,
    coded::table,
    "negated",
    [converted(
        &[Sql("-"), Column],
        &[Sql("-"), Column],
        "bigint"
    )]
);
migration!(
    Wide,
    coded::table,
    "wide",
    [converted(&[Column], &[Column], "bigint")]
);
migration!(
    InRust,
    coded::table,
    "in-rust",
    [ChangeDef {
        conversion: Conversion::Rust,
        ..converted(&[Column], &[Column], "bigint")
    }]
);

fn named<M: MigrateOn<PgConnection>>(sql: &str, kind: &str, name: &str) {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    Postgres::run(conn, sql);
    let before = catalogue(conn);
    match M::migration().options(fast()).expand(conn) {
        Err(Error::Obstacles { obstacles, .. }) => {
            let found = obstacles.iter().any(|o| o.kind == kind && o.name == name);
            assert!(found, "{sql}: {obstacles:?}");
        }
        other => panic!("{sql}: {other:?}"),
    }
    assert_eq!(before, catalogue(conn));
}

#[test]
fn what_cannot_be_carried_is_named() {
    let referenced = "CREATE TABLE coded (id integer PRIMARY KEY, number integer UNIQUE); \
                      CREATE TABLE other (number integer CONSTRAINT fk REFERENCES coded (number))";
    let referencing = "CREATE TABLE other (number integer PRIMARY KEY); \
                       CREATE TABLE coded (id integer PRIMARY KEY, number integer CONSTRAINT fk REFERENCES other)";
    for sql in [referenced, referencing] {
        named::<AsText>(
            sql,
            "foreign key between types that would not compare",
            "fk",
        );
        named::<Negated>(
            sql,
            "foreign key over a conversion that is no lossless cast",
            "fk",
        );
    }
    let key = "CREATE TABLE coded (id integer, number integer PRIMARY KEY)";
    named::<InRust>(key, "primary key that only Rust can convert", "coded_pkey");
    let identity =
        "CREATE TABLE coded (id integer PRIMARY KEY, number integer GENERATED ALWAYS AS IDENTITY)";
    named::<AsText>(
        identity,
        "identity under a type that cannot have one",
        "coded_number_seq",
    );
    named::<Negated>(
        identity,
        "identity under a conversion that is no plain cast",
        "coded_number_seq",
    );
    let full = "CREATE TABLE other (a integer, b integer, PRIMARY KEY (a, b)); CREATE TABLE coded (id integer PRIMARY KEY, number integer, \
                a integer, CONSTRAINT fk FOREIGN KEY (a, number) REFERENCES other MATCH FULL)";
    named::<Wide>(
        full,
        "foreign key of several columns with MATCH FULL over a conversion",
        "fk",
    );
    let parted = "CREATE TABLE coded (id integer PRIMARY KEY, number integer UNIQUE); \
                  CREATE TABLE other (number integer CONSTRAINT fk REFERENCES coded (number)) PARTITION BY RANGE (number)";
    named::<Wide>(parted, "foreign key of a partitioned table", "fk");
}

#[test]
fn a_table_of_another_role_is_named() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    Postgres::run(
        conn,
        "DO $$ BEGIN CREATE ROLE keys_owner; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
         DO $$ BEGIN CREATE ROLE keys_other; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
         CREATE TABLE coded (id integer PRIMARY KEY, number integer UNIQUE); ALTER TABLE coded OWNER TO keys_owner;
         CREATE TABLE other (number integer CONSTRAINT fk REFERENCES coded (number)); ALTER TABLE other OWNER TO keys_other;
         DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO keys_owner', current_database()); END $$;
         GRANT CREATE ON SCHEMA public TO keys_owner; SET ROLE keys_owner",
    );
    match Wide::migration().options(fast()).expand(conn) {
        Err(Error::Privilege { what, grant }) => {
            assert!(what.contains("other") && what.contains("fk"), "{what}");
            assert_eq!(grant, "GRANT keys_other TO keys_owner");
        }
        other => panic!("{other:?}"),
    }
}

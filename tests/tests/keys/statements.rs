//! Diesel's statements by a key that changes, in every phase that the runner publishes.

use diesel::prelude::*;
use diesel::PgConnection;
use expand_contract::phase::{Phase, Step};
use expand_contract::Migrate;

use crate::common::{fast, Db, Postgres};

// a key that gets another name
#[expand_contract::migrate(key(rename_from = "id"))]
diesel::table! {
    shops (key) {
        key -> Integer,
        name -> Text,
    }
}

// the same without a copy
#[expand_contract::migrate(nr(rename_from = "id", strategy = in_place))]
diesel::table! {
    carts (nr) {
        nr -> Integer,
        note -> Text,
    }
}

// one of several columns, which gets another type and keeps its name
#[expand_contract::migrate(number(retype_from = Integer, up = "number::bigint", down = "number::integer", lossless, monotonic))]
diesel::table! {
    bills (shop, number) {
        shop -> Integer,
        number -> BigInt,
        note -> Nullable<Text>,
    }
}

diesel::table! {
    visits (id) {
        id -> Integer,
        shop -> Nullable<Integer>,
    }
}

diesel::joinable!(visits -> shops (shop));
diesel::joinable!(bills -> shops (shop));
diesel::allow_tables_to_appear_in_same_query!(shops, visits, bills);

#[derive(
    Debug,
    Clone,
    PartialEq,
    Queryable,
    Selectable,
    Identifiable,
    expand_contract::Insertable,
    expand_contract::AsChangeset,
)]
#[diesel(table_name = shops, primary_key(key))]
struct Shop {
    key: i32,
    name: String,
}

#[derive(Debug, expand_contract::Insertable)]
#[diesel(table_name = shops)]
struct NewShop<'a> {
    name: &'a str,
}

#[derive(Debug, PartialEq, Queryable, Selectable, Identifiable, Associations)]
#[diesel(belongs_to(Shop, foreign_key = shop))]
struct Visit {
    id: i32,
    shop: Option<i32>,
}

#[derive(
    Debug,
    Clone,
    PartialEq,
    Queryable,
    Selectable,
    Identifiable,
    expand_contract::Insertable,
    expand_contract::AsChangeset,
)]
#[diesel(table_name = bills, primary_key(shop, number))]
struct Bill {
    shop: i32,
    number: i64,
    note: Option<String>,
}

fn by_name(conn: &mut PgConnection, round: i32) {
    let made: Shop = diesel::insert_into(shops::table)
        .values(NewShop { name: "made" })
        .returning(Shop::as_returning())
        .get_result(conn)
        .unwrap();
    let given = Shop {
        key: 1_000 + round,
        name: "given".to_owned(),
    };
    assert_eq!(
        diesel::insert_into(shops::table)
            .values(&given)
            .execute(conn),
        Ok(1)
    );
    let found: Shop = shops::table.find(made.key).first(conn).unwrap();
    assert_eq!(found, made);
    let several: i64 = shops::table
        .filter(shops::key.eq_any([made.key, given.key]))
        .count()
        .get_result(conn)
        .unwrap();
    assert_eq!(several, 2);
    // an update of a record, of what `find` finds, and by an upsert
    let changed = Shop {
        name: "changed".to_owned(),
        ..made.clone()
    };
    assert_eq!(diesel::update(&made).set(&changed).execute(conn), Ok(1));
    let updated = diesel::update(shops::table.find(given.key)).set(shops::name.eq("updated"));
    assert_eq!(updated.execute(conn), Ok(1));
    let saved: Shop = changed.clone().save_changes(conn).unwrap();
    assert_eq!(saved, changed);
    let upserted: Shop = diesel::insert_into(shops::table)
        .values(&changed)
        .on_conflict(shops::key.target().unwrap())
        .do_update()
        .set(shops::name.eq("upserted"))
        .returning(Shop::as_returning())
        .get_result(conn)
        .unwrap();
    assert_eq!(
        (upserted.key, upserted.name.as_str()),
        (made.key, "upserted")
    );
    // what belongs to it
    diesel::insert_into(visits::table)
        .values(visits::shop.eq(made.key))
        .execute(conn)
        .unwrap();
    let visits: Vec<Visit> = Visit::belonging_to(&made)
        .select(Visit::as_select())
        .load(conn)
        .unwrap();
    assert_eq!(visits.len(), 1);
    let joined: Vec<(i32, String)> = visits::table
        .inner_join(shops::table)
        .filter(shops::key.eq(made.key))
        .select((shops::key, shops::name))
        .load(conn)
        .unwrap();
    assert_eq!(joined, [(made.key, "upserted".to_owned())]);
    let left: Vec<Option<Shop>> = visits::table
        .left_join(shops::table)
        .filter(visits::shop.eq(made.key))
        .select(Option::<Shop>::as_select())
        .load(conn)
        .unwrap();
    assert_eq!(left.len(), 1);
    assert!(left[0].is_some());
    assert_eq!(diesel::delete(&given).execute(conn), Ok(1));
    assert_eq!(
        shops::table.find(given.key).first::<Shop>(conn).optional(),
        Ok(None)
    );
}

fn by_type(conn: &mut PgConnection, round: i64) {
    let bill = Bill {
        shop: 1,
        number: 1_000 + round,
        note: None,
    };
    diesel::insert_into(bills::table)
        .values(&bill)
        .execute(conn)
        .unwrap();
    let found: Bill = bills::table.find((1, bill.number)).first(conn).unwrap();
    assert_eq!(found, bill);
    let noted = diesel::update(&bill).set(bills::note.eq("noted"));
    assert_eq!(noted.execute(conn), Ok(1));
    let again = diesel::update(bills::table.find((1, bill.number)))
        .set(bills::number.eq(bill.number + 500));
    assert_eq!(again.execute(conn), Ok(1));
    assert_eq!(
        bills::table
            .find((1, bill.number))
            .first::<Bill>(conn)
            .optional(),
        Ok(None)
    );
    assert_eq!(
        diesel::delete(bills::table.find((1, bill.number + 500))).execute(conn),
        Ok(1)
    );
}

#[test]
fn statements_by_the_key_follow_the_phase() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    Postgres::run(
        conn,
        "CREATE TABLE shops (id serial PRIMARY KEY, name text NOT NULL);
         CREATE TABLE visits (id serial PRIMARY KEY, shop integer REFERENCES shops ON DELETE CASCADE);
         CREATE TABLE bills (shop integer REFERENCES shops, number integer, note text, PRIMARY KEY (shop, number));
         INSERT INTO shops (name) SELECT 's' FROM generate_series(1, 10); INSERT INTO bills SELECT g, g FROM generate_series(1, 10) g",
    );
    shops::migration().load(conn).unwrap();
    bills::migration().load(conn).unwrap();
    by_name(conn, 0);
    let steps = || Step::ALL.into_iter().filter(|step| *step != Step::Rollback);
    for (round, step) in (1..).zip(steps()) {
        shops::migration()
            .options(fast())
            .advance_to(conn, step)
            .unwrap();
        by_name(conn, round);
    }
    by_type(conn, 0);
    let mut round = 0;
    while bills::table::migration().status(conn).unwrap().stage.phase != Phase::Contracted {
        for step in steps() {
            round += 1;
            bills::migration()
                .options(fast())
                .advance_to(conn, step)
                .unwrap();
            by_type(conn, round);
        }
    }
    let far = Bill {
        shop: 1,
        number: 3_000_000_000,
        note: None,
    };
    diesel::insert_into(bills::table)
        .values(&far)
        .execute(conn)
        .unwrap();
    assert_eq!(
        bills::table.find((1, far.number)).first::<Bill>(conn),
        Ok(far)
    );
}

#[test]
fn a_key_is_renamed_where_it_is() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    Postgres::run(
        conn,
        "CREATE TABLE carts (id integer PRIMARY KEY, note text NOT NULL); INSERT INTO carts SELECT g, 'n' FROM generate_series(1, 10) g;
         CREATE TABLE things (cart integer CONSTRAINT fk REFERENCES carts ON DELETE CASCADE)",
    );
    carts::migration().load(conn).unwrap();
    let steps = Step::ALL.into_iter().filter(|step| *step != Step::Rollback);
    for (round, step) in (100..).zip(steps) {
        carts::migration()
            .options(fast())
            .advance_to(conn, step)
            .unwrap();
        let values = (carts::nr.eq(round), carts::note.eq("new"));
        diesel::insert_into(carts::table)
            .values(values)
            .execute(conn)
            .unwrap();
        let changed = diesel::update(carts::table.find(round)).set(carts::note.eq("changed"));
        assert_eq!(changed.execute(conn), Ok(1), "{step}");
        let note: String = carts::table
            .find(round)
            .select(carts::note)
            .first(conn)
            .unwrap();
        assert_eq!(note, "changed");
    }
    Postgres::run(
        conn,
        "INSERT INTO things VALUES (100); DELETE FROM carts WHERE nr = 100",
    );
    assert_eq!(
        Postgres::text(conn, "SELECT count(*) FROM things").as_deref(),
        Some("0")
    );
}

//! The phase moves under one warm connection, whose statement cache holds what was sent before.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use diesel::connection::{InstrumentationEvent, SimpleConnection};
use diesel::insert_into;
use expand_contract::phase::Phase;
use expand_contract::prelude::*;

use super::each_phase::*;
use super::*;
use ddl::sha;

/// Every kind of statement, several times, so that each is in the cache afterwards.
fn statements(conn: &mut Conn, round: &mut i32) {
    for _ in 0..3 {
        *round += 1;
        let num = |i: i32| format!("{round}.{i}");
        let byte = 10 + (*round % 200) as u8;
        let name = num(0);
        let new = NewVersion {
            num: &name,
            tar_sha256: &sha(byte),
        };
        insert_into(versions::table)
            .values(&new)
            .execute(conn)
            .unwrap();
        let model = |i: i32| Version {
            id: *round * 100 + i,
            num: num(i),
            tar_sha256: sha(byte),
        };
        // Diesel caches these under their Rust type
        insert_into(versions::table)
            .values([model(1), model(2)])
            .execute(conn)
            .unwrap();
        insert_into(versions::table)
            .values(&[model(3), model(4)])
            .execute(conn)
            .unwrap();
        insert_into(versions::table)
            .values([model(5)])
            .execute(conn)
            .unwrap();
        insert_into(versions::table)
            .values(&[model(6)])
            .execute(conn)
            .unwrap();
        insert_into(versions::table)
            .values(model(7))
            .execute(conn)
            .unwrap();
        insert_into(versions::table)
            .values(&model(8))
            .execute(conn)
            .unwrap();
        insert_into(versions::table)
            .values(vec![model(9), model(10)])
            .execute(conn)
            .unwrap();
        let tuple = |i: i32| (versions::num.eq(num(i)), TAR.eq(sha(byte)));
        insert_into(versions::table)
            .values(tuple(11))
            .execute(conn)
            .unwrap();
        insert_into(versions::table)
            .values([tuple(12)])
            .execute(conn)
            .unwrap();
        insert_into(versions::table)
            .values([tuple(13), tuple(14)])
            .execute(conn)
            .unwrap();
        insert_into(versions::table)
            .values(&new)
            .on_conflict(versions::num)
            .do_update()
            .set(TAR.eq_excluded())
            .execute(conn)
            .unwrap();
        diesel::update(versions::table.filter(versions::num.eq(num(1))))
            .set(TAR.eq(sha(byte)))
            .execute(conn)
            .unwrap();
        diesel::update(&model(2))
            .set(&model(2))
            .execute(conn)
            .unwrap();
        let found: Vec<Version> = versions::table
            .filter(TAR.eq(sha(byte)))
            .select(Version::as_select())
            .load(conn)
            .unwrap();
        assert_eq!(found.len(), 15);
        let found: Vec<(String, Vec<u8>)> = versions::table
            .filter(versions::num.eq(&name))
            .order(TAR)
            .select((versions::num, TAR))
            .load(conn)
            .unwrap();
        assert_eq!(found, [(name, sha(byte))]);
        let deleted = diesel::delete(versions::table.filter(TAR.eq_any([sha(byte)])))
            .returning(TAR)
            .get_results::<Vec<u8>>(conn)
            .unwrap();
        assert_eq!(deleted, vec![sha(byte); 15]);
    }
}

#[test]
fn fm15_a_warm_connection_through_all_phases_and_back() {
    let mut database = open();
    let conn = &mut database.conn;
    conn.batch_execute(&ddl::versions(DIALECT, KEY, Phase::Original))
        .unwrap();
    let there = Phase::ALL;
    let back = Phase::ALL.into_iter().rev().skip(1);
    let mut from = Phase::Original;
    let mut round = 0;
    for phase in there.into_iter().chain(back) {
        let ddl = ddl::move_versions(DIALECT, from, phase);
        if !ddl.is_empty() {
            conn.batch_execute(&ddl).unwrap();
        }
        versions_at(phase).scope(|| {
            statements(conn, &mut round);
            assert_eq!(all_versions(conn).len(), 3);
            assert_eq!(sha_of(conn, "2.0.0"), sha(3));
        });
        ddl::assert_consistent(conn, DIALECT, phase, "versions");
        from = phase;
    }
}

/// Caching goes on after a flip: a record's statement is prepared once per phase, whatever ran before.
#[test]
fn single_records_are_cached_in_every_phase() {
    let mut database = open();
    let conn = &mut database.conn;
    conn.batch_execute(&ddl::versions(DIALECT, KEY, Phase::Expanded))
        .unwrap();
    let prepared = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&prepared);
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::CacheQuery { .. } = event {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    // the other phase was the first of this process
    versions_at(Phase::Original).scope(|| {
        let _ = diesel::debug_query::<Db, _>(&insert_into(versions::table).values(TAR.eq(sha(0))))
            .to_string();
    });
    versions_at(Phase::Expanded).scope(|| {
        for i in 0..4 {
            let new = NewVersion {
                num: &format!("9.{i}"),
                tar_sha256: &sha(9),
            };
            insert_into(versions::table)
                .values(&new)
                .execute(conn)
                .unwrap();
        }
    });
    assert_eq!(prepared.load(Ordering::Relaxed), 1);
}

use diesel::dsl::{count_star, exists, not};
use expand_contract::phase::Phase;
use expand_contract::prelude::*;

use super::each_phase::*;
use super::*;
use ddl::sha;

/// The numbers of the versions that a predicate selects.
macro_rules! found {
    ($conn:ident, $predicate:expr) => {
        versions::table
            .filter($predicate)
            .order(versions::id)
            .select(versions::id)
            .load::<i32>($conn)
            .unwrap()
    };
}

#[test]
fn comparisons() {
    with_versions(|conn, _| {
        assert_eq!(found!(conn, TAR.eq(sha(2))), [2]);
        assert_eq!(found!(conn, TAR.eq(&sha(2))), [2]);
        assert_eq!(found!(conn, TAR.ne(sha(2))), [1, 3]);
        assert_eq!(found!(conn, TAR.lt(sha(2))), [1]);
        assert_eq!(found!(conn, TAR.le(sha(2))), [1, 2]);
        assert_eq!(found!(conn, TAR.gt(sha(2))), [3]);
        assert_eq!(found!(conn, TAR.ge(sha(2))), [2, 3]);
        assert_eq!(found!(conn, TAR.between(sha(2), sha(3))), [2, 3]);
        assert_eq!(found!(conn, not(TAR.between(sha(2), sha(3)))), [1]);
    });
}

#[test]
fn lists_and_subselects() {
    with_versions(|conn, _| {
        assert_eq!(found!(conn, TAR.eq_any([sha(1), sha(3)])), [1, 3]);
        assert_eq!(found!(conn, TAR.eq_any(vec![sha(1)])), [1]);
        assert_eq!(found!(conn, TAR.eq_any(&[sha(1)])), [1]);
        assert_eq!(found!(conn, TAR.ne_all([sha(1), sha(3)])), [2]);
        assert!(found!(conn, TAR.eq_any(Vec::<Vec<u8>>::new())).is_empty());
        assert_eq!(found!(conn, TAR.ne_all(Vec::<Vec<u8>>::new())), [1, 2, 3]);
        let tars = downloads::table.select(downloads::tar);
        assert_eq!(found!(conn, TAR.eq_any(tars)), [1]);
        assert_eq!(found!(conn, TAR.ne_all(tars)), [2, 3]);
        // the changed column inside the sub-select
        let same: Vec<i32> = downloads::table
            .filter(downloads::tar.eq_any(versions::table.select(TAR)))
            .select(downloads::id)
            .load(conn)
            .unwrap();
        assert_eq!(same, [1]);
        let same: Vec<i32> = downloads::table
            .filter(exists(
                versions::table.filter(TAR.eq(sha(1))).select(versions::id),
            ))
            .order(downloads::id)
            .select(downloads::id)
            .load(conn)
            .unwrap();
        assert_eq!(same, [1, 2]);
        let other = diesel::alias!(versions as other);
        let single = other
            .filter(other.field(versions::num).eq("2.0.0"))
            .select(other.fields(TAR));
        assert_eq!(found!(conn, TAR.nullable().eq(single.single_value())), [3]);
        assert_eq!(found!(conn, TAR.eq_any(single)), [3]);
    });
}

#[test]
fn connectives() {
    with_versions(|conn, _| {
        let one = TAR.eq(sha(1));
        assert_eq!(found!(conn, one.clone().or(TAR.eq(sha(2)))), [1, 2]);
        assert_eq!(
            found!(conn, one.clone().and(versions::num.eq("x"))).len(),
            0
        );
        assert_eq!(found!(conn, versions::id.eq(3).or(one.clone())), [1, 3]);
        assert_eq!(found!(conn, not(one.clone())), [2, 3]);
        assert_eq!(
            found!(conn, not(one.and(versions::id.eq(1))).and(TAR.ne(sha(3)))),
            [2]
        );
        assert_eq!(found!(conn, TAR.is_not_null()), [1, 2, 3]);
        assert!(found!(conn, TAR.is_null()).is_empty());
        let filtered: Vec<i32> = versions::table
            .filter(TAR.eq(sha(1)))
            .or_filter(TAR.eq(sha(3)))
            .select(versions::id)
            .order(versions::id)
            .load(conn)
            .unwrap();
        assert_eq!(filtered, [1, 3]);
    });
}

#[test]
fn nullable_columns() {
    with_contacts(|conn, _| {
        macro_rules! contacts {
            ($predicate:expr) => {
                contacts::table
                    .filter($predicate)
                    .order(contacts::id)
                    .select(contacts::label)
                    .load::<String>(conn)
                    .unwrap()
            };
        }
        assert_eq!(contacts!(EMAIL.is_null()), ["bob"]);
        assert_eq!(contacts!(DIGEST.is_null()), ["bob"]);
        assert_eq!(contacts!(DIGEST.is_not_null()), ["ann"]);
        assert_eq!(contacts!(EMAIL.eq("ann@example.org")), ["ann"]);
        assert_eq!(contacts!(EMAIL.eq(Some("ann@example.org"))), ["ann"]);
        assert_eq!(contacts!(EMAIL.ne("x")), ["ann"]);
        assert_eq!(contacts!(EMAIL.eq_any(["ann@example.org"])), ["ann"]);
        assert_eq!(contacts!(EMAIL.like("%@example.org")), ["ann"]);
        assert!(contacts!(EMAIL.not_like("%@example.org")).is_empty());
        assert_eq!(contacts!(DIGEST.eq(vec![10u8, 11])), ["ann"]);
        assert_eq!(contacts!(DIGEST.eq_any([[10u8, 11].to_vec()])), ["ann"]);
        assert_eq!(
            contacts!(EMAIL.is_null().or(EMAIL.eq("ann@example.org"))),
            ["ann", "bob"]
        );
        assert_eq!(
            contacts!(EMAIL.assume_not_null().eq("ann@example.org")),
            ["ann"]
        );
        let all: Vec<Contact> = contacts::table
            .select(Contact::as_select())
            .order(EMAIL.desc())
            .load(conn)
            .unwrap();
        assert_eq!(all.len(), 2);
    });
}

#[test]
fn order_distinct_limit_and_count() {
    with_versions(|conn, _| {
        let ordered: Vec<i32> = versions::table
            .order((TAR.desc(), versions::num.asc()))
            .select(versions::id)
            .limit(2)
            .offset(1)
            .load(conn)
            .unwrap();
        assert_eq!(ordered, [2, 1]);
        let then: Vec<i32> = versions::table
            .order(versions::num.is_null())
            .then_order_by(TAR)
            .select(versions::id)
            .load(conn)
            .unwrap();
        assert_eq!(then, [1, 2, 3]);
        diesel::update(versions::table.find(3))
            .set(TAR.eq(sha(2)))
            .execute(conn)
            .unwrap();
        let distinct: Vec<Vec<u8>> = versions::table
            .select(TAR)
            .distinct()
            .order(TAR)
            .load(conn)
            .unwrap();
        assert_eq!(distinct, [sha(1), sha(2)]);
        let count: i64 = versions::table
            .filter(TAR.eq(sha(2)))
            .count()
            .get_result(conn)
            .unwrap();
        assert_eq!(count, 2);
        let distinct: i64 = versions::table
            .select(diesel::dsl::count(TAR).aggregate_distinct())
            .get_result(conn)
            .unwrap();
        assert_eq!(distinct, 2);
    });
}

#[test]
fn groups() {
    with_versions(|conn, _| {
        diesel::update(versions::table.find(3))
            .set(TAR.eq(sha(2)))
            .execute(conn)
            .unwrap();
        let groups: Vec<(Vec<u8>, i64)> = versions::table
            .group_by(TAR)
            .order(TAR)
            .select((TAR, count_star()))
            .load(conn)
            .unwrap();
        assert_eq!(groups, [(sha(1), 1), (sha(2), 2)]);
        let groups: Vec<Vec<u8>> = versions::table
            .group_by(TAR)
            .having(count_star().gt(1))
            .select(TAR)
            .load(conn)
            .unwrap();
        assert_eq!(groups, [sha(2)]);
        let pairs: Vec<(String, Vec<u8>, i64)> = versions::table
            .group_by((versions::num, TAR))
            .order(versions::num)
            .select((versions::num, TAR, count_star()))
            .load(conn)
            .unwrap();
        assert_eq!(pairs.len(), 3);
        // the column's own `.eq` compares the bare old column, for an index, which is not what the rows are grouped by
        let having: Vec<i64> = versions::table
            .group_by(TAR)
            .having(ExpressionMethods::eq(TAR, sha(1)))
            .select(count_star())
            .load(conn)
            .unwrap();
        assert_eq!(having, [1]);
    });
}

#[test]
fn boxed() {
    with_versions(|conn, _| {
        let mut query = versions::table.select(Version::as_select()).into_boxed();
        query = query.filter(TAR.gt(sha(1)));
        query = query.filter(TAR.ne(sha(3))).order(TAR.desc()).limit(5);
        let found: Vec<Version> = query.load(conn).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].tar_sha256, sha(2));
        type Predicate =
            Box<dyn BoxableExpression<versions::table, Db, SqlType = diesel::sql_types::Bool>>;
        let predicates: [Predicate; 2] = [
            Box::new(TAR.eq(sha(1))),
            Box::new(TAR.eq_any([sha(1), sha(2)])),
        ];
        for predicate in predicates {
            assert_eq!(found!(conn, predicate).first(), Some(&1));
        }
    });
}

#[test]
fn a_statement_with_a_snapshot_of_its_own() {
    with_versions(|conn, phase| {
        // what the scope says is not what the database is in
        let elsewhere = versions_at(match phase {
            Phase::Original => Phase::Contracted,
            _ => Phase::Original,
        });
        let here = versions_at(phase);
        elsewhere.scope(|| {
            diesel::insert_into(versions::table)
                .values(&NewVersion {
                    num: "5.0.0",
                    tar_sha256: &[5; 32],
                })
                .at(&here)
                .execute(conn)
                .unwrap();
            diesel::update(versions::table.filter(TAR.eq(sha(5))))
                .set(TAR.eq(sha(6)))
                .at(&here)
                .execute(conn)
                .unwrap();
            let found: Version = versions::table
                .filter(TAR.eq(sha(6)))
                .select(Version::as_select())
                .at(&here)
                .first(conn)
                .unwrap();
            assert_eq!(found.num, "5.0.0");
        });
    });
}

#[test]
fn raw_sql_names_the_column_in_force() {
    #[derive(QueryableByName)]
    struct Raw {
        #[diesel(sql_type = diesel::sql_types::Binary)]
        tar: Vec<u8>,
    }
    with_versions(|conn, phase| {
        let plain = format!(
            "SELECT {} AS tar FROM versions WHERE id = 2",
            TAR.sql().unwrap()
        );
        let joined = format!(
            "SELECT {} AS tar FROM versions v JOIN downloads d ON d.id = v.id WHERE v.id = 2",
            TAR.sql_of("v").unwrap()
        );
        for text in [plain, joined] {
            let row: Raw = diesel::sql_query(&text).get_result(conn).unwrap();
            assert_eq!(row.tar, sha(2), "{phase}: {text}");
        }
    });
}

#[test]
fn debug_query_shows_what_is_sent() {
    for phase in Phase::ALL {
        versions_at(phase).scope(|| {
            let new = NewVersion {
                num: "1",
                tar_sha256: &[1; 32],
            };
            let insert = diesel::insert_into(versions::table).values(&new);
            let insert = diesel::debug_query::<Db, _>(&insert).to_string();
            let select = versions::table.select(TAR);
            let select = diesel::debug_query::<Db, _>(&select).to_string();
            assert_eq!(insert.contains("checksum"), phase.writes_old(), "{insert}");
            assert_eq!(
                insert.contains("tar_sha256"),
                phase.writes_new(),
                "{insert}"
            );
            assert_eq!(select.contains("checksum"), phase.reads_old(), "{select}");
            assert_eq!(
                select.contains("tar_sha256"),
                !phase.reads_old(),
                "{select}"
            );
        });
    }
}

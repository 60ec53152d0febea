//! What happens while both columns have a unique index, step by step.

mod on_postgres {
    use std::ops::ControlFlow;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use diesel::result::DatabaseErrorKind::UniqueViolation;
    use diesel::result::Error as DieselError;
    use expand_contract::Error;
    use tests::postgres::PgDatabase;
    crate::model!();

    const DDL: &str =
        "CREATE TABLE versions (id serial PRIMARY KEY, checksum text NOT NULL UNIQUE, \
         hits integer NOT NULL, label text NOT NULL UNIQUE)";

    /// One test at a time: what phase the process is in, there is but one of.
    fn alone() -> MutexGuard<'static, ()> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn new<'a>(key: &'a [u8], label: &'a str) -> NewVersion<'a> {
        NewVersion {
            tar_sha256: key,
            hits: 0,
            label,
        }
    }

    /// Leaves the migration in `Retired` with both unique indexes.
    fn in_the_window(conn: &mut PgConnection) {
        let stop = |event: &expand_contract::ActionEvent| {
            if event.action.starts_with("drop unique index") {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        let stopped = Version::migration()
            .options(at_actions(stop))
            .advance_to(conn, Step::Retire);
        assert!(matches!(stopped, Err(Error::Stopped { .. })), "{stopped:?}");
        Version::migration().load(conn).unwrap();
    }

    fn constraint<T: std::fmt::Debug>(answer: QueryResult<T>) -> String {
        match answer {
            Err(DieselError::DatabaseError(UniqueViolation, info)) => {
                info.constraint_name().unwrap().to_owned()
            }
            other => panic!("{other:?}"),
        }
    }

    /// Sixteen clients without the retry do see errors, so that the tests next door mean something.
    #[test]
    fn without_the_retry_errors_reach_the_clients() {
        let _alone = alone();
        let database = PgDatabase::new();
        let conn = &mut database.connect();
        conn.batch_execute(&DDL.replace("label text NOT NULL UNIQUE", "label text NOT NULL"))
            .unwrap();
        in_the_window(conn);
        let load = Load::of(16);
        let errors = std::sync::atomic::AtomicU64::new(0);
        std::thread::scope(|scope| {
            for me in 0..16 {
                let (load, errors, mut conn) = (&load, &errors, database.connect());
                scope.spawn(move || {
                    let _stop = Stop(load);
                    let mut round = 0;
                    while !load.stopped() {
                        round += 1;
                        let key = CHURNED[round % CHURNED.len()];
                        let answer: QueryResult<usize> = (|| hit!(&mut conn, key))();
                        match answer {
                            Ok(_) => {}
                            Err(DieselError::DatabaseError(UniqueViolation, info)) => {
                                // the twin of the index that is in force
                                assert_eq!(info.constraint_name(), Some("versions_checksum_key"));
                                errors.fetch_add(1, Ordering::Relaxed);
                            }
                            Err(other) => panic!("{other}"),
                        }
                        diesel::delete(versions::table.filter(Version::tar_sha256.eq(vec![key])))
                            .execute(&mut conn)
                            .unwrap();
                        load.made(me);
                    }
                });
            }
            let _stop = Stop(&load);
            tests::wait::until("a client sees an error", || {
                errors.load(Ordering::Relaxed) > 0 || load.stopped()
            });
        });
        assert!(errors.load(Ordering::Relaxed) > 0);
    }

    /// In the window a violation of another constraint is returned at once, and the twin's is not returned at all.
    #[test]
    fn a_violation_of_another_constraint_is_returned_at_once() {
        let _alone = alone();
        let database = PgDatabase::new();
        let conn = &mut database.connect();
        conn.batch_execute(DDL).unwrap();
        in_the_window(conn);
        for (key, label) in [(1, "one"), (2, "two")] {
            VersionRepository::upsert_by_tar_sha256(conn, &new(&[key], label)).unwrap();
        }
        for inside in [false, true] {
            let mut attempts = 0;
            let mut work = |conn: &mut PgConnection| {
                phase::upsert(conn, Version::tar_sha256, |conn| {
                    attempts += 1;
                    diesel::insert_into(versions::table)
                        .values(&new(&[3], "one"))
                        .on_conflict(Version::tar_sha256.target().unwrap())
                        .do_nothing()
                        .execute(conn)
                })
            };
            let answer = if inside {
                conn.transaction(|conn| {
                    let answer = work(conn);
                    // the savepoint has kept the transaction
                    versions::table.count().get_result::<i64>(conn).unwrap();
                    Ok::<_, DieselError>(answer)
                })
                .unwrap()
            } else {
                work(conn)
            };
            assert_eq!(constraint(answer), "versions_label_key");
            assert_eq!(attempts, 1);
        }
    }

    /// Another client is faster, deterministically: the index that is not the arbiter is violated by a row that was not
    /// there when the statement looked for a conflict. A trigger makes the first statement slow just then.
    #[test]
    fn a_violation_of_the_twin_is_tried_again() {
        let _alone = alone();
        for inside in [false, true] {
            let database = PgDatabase::new();
            let conn = &mut database.connect();
            conn.batch_execute(DDL).unwrap();
            in_the_window(conn);
            let mut attempts = 0;
            let mut work = |conn: &mut PgConnection| {
                phase::upsert(conn, Version::tar_sha256, |conn| {
                    attempts += 1;
                    if attempts < 4 {
                        // what PostgreSQL says of a lost race, without the race
                        let violation = "DO $$ BEGIN RAISE unique_violation USING \
                             CONSTRAINT = 'versions_checksum_key', MESSAGE = 'lost'; END $$";
                        diesel::sql_query(violation).execute(conn)?;
                    }
                    hit!(conn, 5)
                })
            };
            let answer = if inside {
                conn.transaction(|conn| work(conn))
            } else {
                work(conn)
            };
            assert_eq!((answer, attempts), (Ok(1), 4));
        }
    }

    /// So is one of an index whose build is under way: it refuses rows before it has its name, and before it is valid.
    #[test]
    fn a_violation_of_a_build_is_tried_again() {
        let _alone = alone();
        let database = PgDatabase::new();
        let conn = &mut database.connect();
        conn.batch_execute(DDL).unwrap();
        Version::migration()
            .options(options())
            .advance_to(conn, Step::Switch)
            .unwrap();
        Version::migration().load(conn).unwrap();
        let build = "expand_contract_build_7_00000000000000ff";
        let lost = format!(
            "DO $$ BEGIN RAISE unique_violation USING CONSTRAINT = '{build}', MESSAGE = 'lost'; END $$"
        );
        let upsert = |conn: &mut PgConnection, failure: &str| {
            let mut attempts = 0;
            let answer = phase::upsert(conn, Version::tar_sha256, |conn| {
                attempts += 1;
                if attempts < 4 {
                    diesel::sql_query(failure).execute(conn)?;
                }
                hit!(conn, 5)
            });
            (answer.is_ok(), attempts)
        };
        // it may have its own name when the clients look
        assert_eq!(upsert(conn, &lost), (true, 4));
        let deadlock = "DO $$ BEGIN RAISE deadlock_detected; END $$";
        assert_eq!(upsert(conn, deadlock), (false, 1));
        conn.batch_execute(&format!(
            "CREATE UNIQUE INDEX CONCURRENTLY {build} ON versions (tar_sha256)"
        ))
        .unwrap();
        assert_eq!(upsert(conn, &lost), (true, 4));
        assert_eq!(upsert(conn, deadlock), (true, 4));
    }

    /// So is what PostgreSQL ends as a deadlock between two upserts, a few times, and only while there are two indexes.
    #[test]
    fn fm23_a_deadlock_between_upserts_is_tried_again() {
        let _alone = alone();
        let database = PgDatabase::new();
        let conn = &mut database.connect();
        conn.batch_execute(DDL).unwrap();
        let deadlock = "DO $$ BEGIN RAISE deadlock_detected; END $$";
        let upsert = |conn: &mut PgConnection, deadlocks: u32| {
            let mut attempts = 0;
            let answer = phase::upsert(conn, Version::tar_sha256, |conn| {
                attempts += 1;
                if attempts <= deadlocks {
                    diesel::sql_query(deadlock).execute(conn)?;
                }
                hit!(conn, 5)
            });
            (answer.is_ok(), attempts)
        };
        Version::migration()
            .options(options())
            .advance_to(conn, Step::Switch)
            .unwrap();
        assert_eq!(upsert(conn, 1), (false, 1));
        in_the_window(conn);
        assert_eq!(upsert(conn, 7), (true, 8));
        assert_eq!(upsert(conn, 9), (false, 8));
        Version::migration()
            .options(options())
            .advance_to(conn, Step::Contract)
            .unwrap();
        assert_eq!(upsert(conn, 1), (false, 1));
    }

    /// Nor is it tried for ever.
    #[test]
    fn tries_are_bounded() {
        let _alone = alone();
        let database = PgDatabase::new();
        let conn = &mut database.connect();
        conn.batch_execute(DDL).unwrap();
        in_the_window(conn);
        let mut attempts = 0;
        let answer = phase::upsert(conn, Version::tar_sha256, |conn| {
            attempts += 1;
            let violation = "DO $$ BEGIN RAISE unique_violation USING \
                 CONSTRAINT = 'versions_checksum_key', MESSAGE = 'lost'; END $$";
            diesel::sql_query(violation).execute(conn)
        });
        assert_eq!(constraint(answer), "versions_checksum_key");
        assert_eq!(attempts, 20);
    }

    /// The name that applications match on is in force again after `contract`.
    #[test]
    fn the_constraint_s_name_comes_back() {
        let _alone = alone();
        let database = PgDatabase::new();
        let conn = &mut database.connect();
        conn.batch_execute(DDL).unwrap();
        for step in [Step::Switch, Step::Retire, Step::Contract] {
            Version::migration()
                .options(options())
                .advance_to(conn, step)
                .unwrap();
            let label = step.to_string();
            VersionRepository::upsert_by_tar_sha256(conn, &new(&[1], &label)).unwrap();
            let violated = constraint(
                diesel::insert_into(versions::table)
                    .values(&new(&[1], "other"))
                    .execute(conn),
            );
            let as_ever = violated == "versions_checksum_key";
            assert_eq!(as_ever, step != Step::Retire, "{step}: {violated}");
        }
    }

    /// While the way back from `Retired` is not done, old has no unique index: new's is the arbiter until then.
    #[test]
    fn the_arbiter_of_a_rollback_under_way() {
        let _alone = alone();
        let database = PgDatabase::new();
        let conn = &mut database.connect();
        conn.batch_execute(DDL).unwrap();
        let retired = || Version::migration().options(options());
        retired().advance_to(conn, Step::Retire).unwrap();
        let retired = Version::migration().snapshot(conn).unwrap();
        let stop = |event: &expand_contract::ActionEvent| {
            if event.action.starts_with("create index") {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        let stopped = Version::migration()
            .options(at_actions(stop))
            .rollback(conn);
        assert!(matches!(stopped, Err(Error::Stopped { .. })), "{stopped:?}");
        // a client that knows, one that does not, and a restarted one
        for round in 0..3 {
            match round {
                0 => {}
                1 => retired.make_process_wide(),
                _ => drop(Version::migration().load(conn).unwrap()),
            }
            let label = format!("{round}");
            let row = VersionRepository::upsert_by_tar_sha256(conn, &new(&[1], &label)).unwrap();
            assert_eq!((row.id, row.label), (1, label));
        }
        let incomplete = Version::migration().snapshot(conn).unwrap();
        Version::migration()
            .options(options())
            .rollback(conn)
            .unwrap();
        // old's is back, and new's is gone: the phase has the same name, and is another one
        incomplete.make_process_wide();
        let row = VersionRepository::upsert_by_tar_sha256(conn, &new(&[1], "last")).unwrap();
        assert_eq!((row.id, row.label.as_str()), (1, "last"));
    }
}

//! A process whose phase is two steps old names a column that is gone.

on_both! {
    fm16_two_phases_behind_names_a_dropped_column(database, D) {
        let conn = &mut database.connect();
        D::run(conn, DDL);
        advance::<versions::table, _>(conn, Step::Switch);
        let stale = Version::migration().snapshot(conn).unwrap();
        advance::<versions::table, _>(conn, Step::Contract);
        stale.make_process_wide();

        // what happens without
        let plain: QueryResult<Vec<i32>> = (|| work!(&mut *conn, 2))();
        assert!(plain.is_err(), "{plain:?}");

        let mut attempts = 0;
        let found: QueryResult<Vec<i32>> = phase::transaction::<versions::table, _, _, _>(conn, |conn| {
            attempts += 1;
            work!(conn, 2)
        });
        assert_eq!(found, Ok(vec![1, 2]));
        assert_eq!(attempts, 2);
        // the process has learnt it
        assert_eq!(name_in_force(), "\"tar_sha256\"");
        let found: QueryResult<Vec<i32>> = phase::transaction::<versions::table, _, _, _>(conn, |conn| {
            attempts += 1;
            work!(conn, 3)
        });
        assert_eq!((found, attempts), (Ok(vec![1, 3]), 3));
    }

    fm16_behind_a_rollback_names_a_column_that_was_taken_back(database, D) {
        let conn = &mut database.connect();
        D::run(conn, DDL);
        advance::<versions::table, _>(conn, Step::Switch);
        let stale = Version::migration().snapshot(conn).unwrap();
        for _ in 0..2 {
            Version::migration().options(at_once()).rollback(conn).unwrap();
        }
        stale.make_process_wide();
        let mut attempts = 0;
        let found: QueryResult<Vec<i32>> = phase::retry::<versions::table, _, _, _>(conn, |conn| {
            attempts += 1;
            versions::table.select(versions::id).filter(Version::tar_sha256.eq(vec![1])).load(conn)
        });
        assert_eq!((found, attempts), (Ok(vec![1]), 2));
        assert!(name_in_force().contains("checksum"));
    }

    a_process_that_knows_no_phase_is_behind(database, D) {
        let conn = &mut database.connect();
        D::run(conn, DDL);
        let mut attempts = 0;
        let found: QueryResult<Vec<i32>> = phase::transaction::<versions::table, _, _, _>(conn, |conn| {
            attempts += 1;
            work!(conn, 2)
        });
        assert_eq!((found, attempts), (Ok(vec![1, 2]), 2));
    }

    everything_of_a_failed_attempt_is_undone(database, D) {
        let conn = &mut database.connect();
        D::run(conn, DDL);
        advance::<versions::table, _>(conn, Step::Switch);
        let stale = Version::migration().snapshot(conn).unwrap();
        advance::<versions::table, _>(conn, Step::Contract);
        stale.make_process_wide();
        let mut note = 0;
        let found: QueryResult<Vec<i32>> = phase::transaction::<versions::table, _, _, _>(conn, |conn| {
            note += 1;
            diesel::insert_into(notes::table).values(notes::id.eq(note)).execute(conn)?;
            work!(conn, 2)
        });
        assert_eq!(found, Ok(vec![1, 2]));
        assert_eq!(notes::table.select(notes::id).load::<i32>(conn), Ok(vec![2]));
    }
}

on_both! {
    // A value that was made in a scope brings that one's phase along, to wherever it is sent.
    a_statement_that_is_older_than_what_the_process_knows(database, D) {
        let conn = &mut database.connect();
        D::run(conn, DDL);
        advance::<versions::table, _>(conn, Step::Switch);
        let stale = Version::migration().snapshot(conn).unwrap();
        advance::<versions::table, _>(conn, Step::Contract);
        let now = Version::migration().snapshot(conn).unwrap();
        let two = stale.scope(|| Version::tar_sha256.eq(vec![2]));
        now.make_process_wide();
        let mut attempts = 0;
        let updated = phase::retry::<versions::table, _, _, _>(conn, |conn| {
            attempts += 1;
            diesel::update(versions::table.find(1)).set(two.clone()).execute(conn)
        });
        assert_eq!((updated, attempts), (Ok(1), 2));
    }
}

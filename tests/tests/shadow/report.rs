//! From the process to the ledger.

on_both! {
    sums_survive_the_process(database, D) {
        use std::sync::{Arc, Mutex};
        let conn = &mut database.connect();
        D::run(conn, DDL);
        advance::<versions::table, _>(conn, Step::Switch);
        let logged = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&logged);
        let sampling = Sampling::every(1).on_mismatch(move |found| log.lock().unwrap().push(found.key.clone()));
        let _ = Version::migration().shadow_reads(sampling);
        D::behind_the_triggers(conn, stale::<D>());
        let on_record = |conn: &mut _| {
            let status = Version::migration().status(conn).unwrap().shadow_reads;
            (status.samples, status.mismatches, status.differing.len())
        };
        for round in 1..3 {
            VersionRepository::list(conn, None, 10).unwrap();
            shadow::report::<versions::table, _>(conn).unwrap();
            // nothing is counted twice
            shadow::report::<versions::table, _>(conn).unwrap();
            assert_eq!(on_record(conn), (3 * round, round, 1));
            assert_eq!(shadow::counts::<versions::table>().samples, 0);
        }
        assert_eq!(*logged.lock().unwrap(), [Some("2".to_owned()), Some("2".to_owned())]);
        // by other means
        shadow::record::<versions::table>(10, 0, None);
        shadow::report_as::<versions::table, _>(conn, "async").unwrap();
        assert_eq!(on_record(conn), (16, 2, 1));
    }

    a_report_that_fails_is_made_again(database, D) {
        let conn = &mut database.connect();
        D::run(conn, DDL);
        advance::<versions::table, _>(conn, Step::Switch);
        shadow::record::<versions::table>(5, 0, None);
        let elsewhere = D::fresh();
        // no ledger
        let refused = shadow::report::<versions::table, _>(&mut elsewhere.connect());
        assert!(matches!(refused, Err(Error::Database { .. })), "{refused:?}");
        shadow::report::<versions::table, _>(conn).unwrap();
        let status = Version::migration().status(conn).unwrap();
        assert_eq!(status.shadow_reads.samples, 5);
    }

    expand_begins_anew(database, D) {
        let conn = &mut database.connect();
        D::run(conn, DDL);
        advance::<versions::table, _>(conn, Step::Switch);
        let _ = Version::migration().shadow_reads(Sampling::every(1));
        VersionRepository::list(conn, None, 10).unwrap();
        shadow::report::<versions::table, _>(conn).unwrap();
        D::behind_the_triggers(conn, stale::<D>());
        // counted and not reported
        VersionRepository::list(conn, None, 10).unwrap();
        D::run(conn, "UPDATE versions SET checksum = '02' WHERE id = 2");
        for _ in 0..2 {
            Version::migration().options(at_once()).rollback(conn).unwrap();
        }
        advance::<versions::table, _>(conn, Step::Verify);
        shadow::report::<versions::table, _>(conn).unwrap();
        let status = Version::migration().status(conn).unwrap().shadow_reads;
        assert_eq!((status.samples, status.mismatches), (0, 0));
        VersionRepository::list(conn, None, 10).unwrap();
        shadow::report::<versions::table, _>(conn).unwrap();
        let status = Version::migration().status(conn).unwrap().shadow_reads;
        assert_eq!((status.samples, status.mismatches), (3, 0));
    }
}

/// A role that may read and write the table, and nothing else.
mod an_applications_role {
    crate::model!();

    #[test]
    fn on_postgres() {
        let database = Postgres::fresh();
        let conn = &mut database.connect();
        Postgres::run(conn, DDL);
        advance::<versions::table, _>(conn, Step::Switch);
        Postgres::run(
            conn,
            "CREATE ROLE shadow_application; GRANT SELECT, INSERT, UPDATE ON versions TO shadow_application",
        );
        shadow::record::<versions::table>(5, 0, None);
        shadow::report_as::<versions::table, _>(conn, "web").unwrap();
        let _ = Version::migration().shadow_reads(Sampling::every(1));
        Postgres::run(conn, "SET ROLE shadow_application");
        VersionRepository::list(conn, None, 10).unwrap();
        assert_eq!(shadow::counts::<versions::table>().failures, 0);
        shadow::report_as::<versions::table, _>(conn, "web").unwrap();
        // what others have reported is not this role's to change
        let changed = diesel::sql_query(
            "UPDATE expand_contract.shadow_reads SET samples = 1000 WHERE samples = 5",
        )
        .execute(conn);
        assert_eq!(changed, Ok(0));
        let gone = diesel::sql_query("DELETE FROM expand_contract.shadow_reads").execute(conn);
        assert!(gone.is_err(), "{gone:?}");
        Postgres::run(conn, "RESET ROLE");
        let status = Version::migration().status(conn).unwrap();
        assert_eq!(status.shadow_reads.samples, 8);
        Postgres::run(
            conn,
            "DROP OWNED BY shadow_application; DROP ROLE shadow_application",
        );
    }
}

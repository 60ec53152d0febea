//! Which reads are sampled, and at what cost.

on_both! {
    every_nth_read_of_the_repository(database, D) {
        let conn = &mut database.connect();
        D::run(conn, DDL);
        advance::<versions::table, _>(conn, Step::Switch);
        let _ = Version::migration().shadow_reads(Sampling::every(3));
        for _ in 0..7 {
            VersionRepository::find(conn, &1).unwrap();
        }
        let samples = || shadow::counts::<versions::table>().samples;
        assert_eq!(samples(), 2);
        VersionRepository::find_by_tar_sha256(conn, vec![1]).unwrap();
        assert_eq!(samples(), 2);
        // the ninth: a row is a sample
        VersionRepository::list(conn, None, 2).unwrap();
        assert_eq!(samples(), 4);
        let _ = Version::migration().shadow_reads(Sampling::when(|read| read == 2));
        for _ in 0..4 {
            VersionRepository::find_by_tar_sha256(conn, vec![1]).unwrap();
        }
        assert_eq!(samples(), 5);
        let _ = Version::migration().shadow_reads(Sampling::off());
        VersionRepository::find(conn, &1).unwrap();
        assert_eq!(samples(), 5);
        assert_eq!(shadow::counts::<versions::table>().mismatches, 0);
        // no row, no sample
        let _ = Version::migration().shadow_reads(Sampling::every(1));
        VersionRepository::find(conn, &99).unwrap();
        assert_eq!(samples(), 5);
    }

    a_query_of_ones_own(database, D) {
        let conn = &mut database.connect();
        D::run(conn, DDL);
        D::run(conn, "CREATE TABLE owners (id INTEGER PRIMARY KEY, version INTEGER NOT NULL); INSERT INTO owners VALUES (1, 2)");
        advance::<versions::table, _>(conn, Step::Switch);
        D::behind_the_triggers(conn, stale::<D>());
        let _ = Version::migration().shadow_reads(Sampling::every(1));
        let query = versions::table.filter(versions::num.like("2%"));
        Version::migration().shadow_read(conn, || query);
        let counts = shadow::counts::<versions::table>();
        assert_eq!((counts.samples, counts.mismatches, counts.key.as_deref()), (1, 1, Some("2")));
        let mut called = 0;
        let _ = Version::migration().shadow_reads(Sampling::every(2));
        for _ in 0..4 {
            Version::migration().shadow_read(conn, || {
                called += 1;
                versions::table.order(versions::id).limit(2)
            });
        }
        assert_eq!(called, 2);
        assert_eq!(shadow::counts::<versions::table>().samples, 5);
    }

    nothing_is_sent_when_it_is_off(database, D) {
        use std::sync::atomic::{AtomicUsize, Ordering};
        use std::sync::Arc;
        use diesel::connection::{Connection as _, InstrumentationEvent};
        let conn = &mut database.connect();
        D::run(conn, DDL);
        advance::<versions::table, _>(conn, Step::Switch);
        let sent = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&sent);
        conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::StartQuery { .. } = event {
                seen.fetch_add(1, Ordering::Relaxed);
            }
        });
        let mut of_a_read = |sampling, inside: bool| {
            let _ = Version::migration().shadow_reads(sampling);
            sent.store(0, Ordering::Relaxed);
            if inside {
                conn.transaction(|conn| VersionRepository::find(conn, &1)).unwrap();
            } else {
                VersionRepository::find(conn, &1).unwrap();
            }
            sent.load(Ordering::Relaxed)
        };
        let plain = of_a_read(Sampling::off(), false);
        assert_eq!(plain, 1);
        assert_eq!(of_a_read(Sampling::every(1), false), plain + 1);
        assert_eq!(of_a_read(Sampling::every(2), false), plain);
        // begin and commit; a savepoint and its release
        let inside = of_a_read(Sampling::off(), true);
        assert_eq!(of_a_read(Sampling::every(1), true), inside + 3);
    }

    // A comparison that raises is neither the end of the read nor of its transaction.
    a_comparison_that_fails(database, D) {
        let conn = &mut database.connect();
        D::run(conn, DDL);
        advance::<versions::table, _>(conn, Step::Switch);
        let _ = Version::migration().shadow_reads(Sampling::every(1));
        D::behind_the_triggers(conn, "UPDATE versions SET checksum = 'not hex' WHERE id = 2");
        let row = conn.transaction(|conn| {
            let row = VersionRepository::find(conn, &2)?;
            VersionRepository::find(conn, &1)?;
            Ok::<_, diesel::result::Error>(row)
        });
        assert_eq!(row.unwrap().unwrap().tar_sha256, vec![2]);
        let counts = shadow::counts::<versions::table>();
        if D::POSTGRES {
            // `decode` raises
            assert_eq!((counts.samples, counts.mismatches, counts.failures), (1, 0, 1));
            assert!(counts.last_failure.unwrap().contains("invalid hexadecimal"));
        } else {
            // `unhex` gives NULL
            assert_eq!((counts.samples, counts.mismatches, counts.failures), (2, 1, 0));
        }
    }
}

//! Alarms that would be false.

on_both! {
    // The process has not heard of `Retired`, where only new is written.
    a_process_behind_the_phase(database, D) {
        let conn = &mut database.connect();
        D::run(conn, DDL);
        advance::<versions::table, _>(conn, Step::Switch);
        let stale_phase = Version::migration().snapshot(conn).unwrap();
        advance::<versions::table, _>(conn, Step::Retire);
        let changed = Version { id: 2, num: "2.0.0".into(), tar_sha256: vec![0x99] };
        VersionRepository::update(conn, &changed).unwrap();
        // the reverse mirror is best-effort
        D::behind_the_triggers(conn, "UPDATE versions SET checksum = '02' WHERE id = 2");
        stale_phase.make_process_wide();
        let _ = Version::migration().shadow_reads(Sampling::every(1));
        assert_eq!(VersionRepository::find(conn, &2), Ok(Some(changed)));
        let counts = shadow::counts::<versions::table>();
        assert_eq!((counts.samples, counts.mismatches, counts.failures), (0, 0, 0));
        assert_eq!(differing!(conn), Ok(0));

        // nor of the way back, until old is complete again
        let stop = |event: &expand_contract::ActionEvent| match event.action.starts_with("copy back") {
            true => std::ops::ControlFlow::Break(()),
            false => std::ops::ControlFlow::Continue(()),
        };
        let stopped = Version::migration().options(at_once().on_action(stop)).rollback(conn);
        assert!(matches!(stopped, Err(Error::Stopped { .. })), "{stopped:?}");
        stale_phase.make_process_wide();
        VersionRepository::find(conn, &2).unwrap();
        assert_eq!(shadow::counts::<versions::table>().samples, 0);
        assert_eq!(differing!(conn), Ok(0));
        Version::migration().options(at_once()).rollback(conn).unwrap();
        stale_phase.make_process_wide();
        VersionRepository::find(conn, &2).unwrap();
        let counts = shadow::counts::<versions::table>();
        assert_eq!((counts.samples, counts.mismatches), (1, 0));
    }

    // A copy from before the backfill stands for a replica that lags: the process knows the primary's phase.
    a_replica_behind_the_primary(database, D) {
        {
            let conn = &mut database.connect();
            D::run(conn, DDL);
            advance::<versions::table, _>(conn, Step::Expand);
        }
        let replica = database.copy();
        let (primary, replica) = (&mut database.connect(), &mut replica.connect());
        advance::<versions::table, _>(primary, Step::Switch);
        let _ = Version::migration().shadow_reads(Sampling::every(1));
        Version::migration().shadow_read(replica, || versions::table.order(versions::id));
        let counts = shadow::counts::<versions::table>();
        assert_eq!((counts.samples, counts.mismatches, counts.failures), (0, 0, 0));
        assert_eq!(differing!(replica), Ok(0));
        Version::migration().shadow_read(primary, || versions::table.order(versions::id));
        assert_eq!(shadow::counts::<versions::table>().samples, 3);
    }
}

/// Writers of all kinds at work: both columns are read on one version of the row.
mod writers_at_work {
    crate::model!();
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn on_postgres() {
        let database = Postgres::fresh();
        let conn = &mut database.connect();
        Postgres::run(conn, DDL);
        advance::<versions::table, _>(conn, Step::Switch);
        let _ = Version::migration().shadow_reads(Sampling::every(1));
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for writer in 0..3 {
                let (mut conn, stop) = (database.connect(), &stop);
                scope.spawn(move || {
                    let mut round = 0u8;
                    while !stop.load(Ordering::Relaxed) {
                        round = round.wrapping_add(1);
                        let sql = match writer {
                            0 => format!("UPDATE versions SET checksum = '{round:02x}'"),
                            1 => format!("UPDATE versions SET tar_sha256 = '\\x{round:02x}'"),
                            _ => {
                                let version = Version {
                                    id: 1,
                                    num: "dual".into(),
                                    tar_sha256: vec![round],
                                };
                                VersionRepository::update(&mut conn, &version).unwrap();
                                continue;
                            }
                        };
                        // writers may lock the rows in different orders; that is theirs to bear
                        diesel::sql_query(format!("{sql} WHERE id = 1"))
                            .execute(&mut conn)
                            .unwrap();
                    }
                });
            }
            for _ in 0..300 {
                VersionRepository::find(conn, &1).unwrap();
            }
            stop.store(true, Ordering::Relaxed);
        });
        let counts = shadow::counts::<versions::table>();
        assert_eq!(
            (counts.samples, counts.mismatches, counts.failures),
            (300, 0, 0)
        );
    }
}

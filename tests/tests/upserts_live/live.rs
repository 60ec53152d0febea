//! Through every phase and back, on both databases.

/// One client: counts keys up, makes others come and go, by hand and by the repository, in transactions and without.
macro_rules! client {
    ($Conn:ty) => {
        fn client(conn: &mut $Conn, load: &Load, me: usize) -> QueryResult<()> {
            let mut round = me;
            while !load.stopped() {
                round += 1;
                let at = round % COUNTED.len();
                match round % 4 {
                    0 => {
                        phase::transaction::<versions::table, _, _, _>(conn, |conn| {
                            phase::upsert(conn, Version::tar_sha256, |conn| hit!(conn, COUNTED[at]))
                        })?;
                    }
                    _ => {
                        phase::upsert(conn, Version::tar_sha256, |conn| hit!(conn, COUNTED[at]))?;
                    }
                }
                load.counted[at].fetch_add(1, Ordering::Relaxed);

                let key = [CHURNED[round / 3 % CHURNED.len()]];
                let label = format!("{me}/{round}");
                let new = NewVersion {
                    tar_sha256: &key,
                    hits: 0,
                    label: &label,
                };
                let row = if round % 5 == 0 {
                    phase::transaction::<versions::table, _, _, _>(conn, |conn| {
                        VersionRepository::upsert_by_tar_sha256(conn, &new)
                    })?
                } else {
                    VersionRepository::upsert_by_tar_sha256(conn, &new)?
                };
                assert_eq!((row.tar_sha256.as_slice(), row.label), (&key[..], label));
                if round % 2 == 0 {
                    VersionRepository::delete(conn, &row.id)?;
                }
                load.made(me);
            }
            Ok(())
        }
    };
}

/// The whole way under the load of clients that learn of a phase only by what fails.
macro_rules! live {
    ($connect:expr, $clients:expr, $rounds:expr) => {{
        let connect = $connect;
        let load = &*Box::leak(Box::new(Load::of($clients)));
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..$clients)
                .map(|me| {
                    let mut conn = connect();
                    scope.spawn(move || {
                        let _stop = Stop(load);
                        client(&mut conn, load, me)
                    })
                })
                .collect();
            {
                let _stop = Stop(load);
                let mut operator = connect();
                let operator = &mut operator;
                let mut go = |step: Step| {
                    let options = at_actions(move |_| {
                        load.go_on($rounds);
                        std::ops::ControlFlow::Continue(())
                    });
                    let moved = Operator::migration()
                        .options(options)
                        .advance_to(operator, step);
                    if !load.stopped() {
                        moved.unwrap_or_else(|error| panic!("{step}: {error}"));
                    }
                    load.go_on($rounds);
                };
                for step in [
                    Step::Expand,
                    Step::Switch,
                    // to `Expanded`, and on
                    Step::Rollback,
                    Step::Retire,
                    // to `Switched`, by way of copying back
                    Step::Rollback,
                    Step::Retire,
                    Step::Contract,
                ] {
                    go(step);
                }
            }
            for client in clients {
                let answer = client.join().unwrap();
                assert_eq!(answer, Ok(()), "an error reached a client");
            }
        });
        let conn = &mut connect();
        Version::migration().load(conn).unwrap();
        for (key, counted) in COUNTED.into_iter().zip(&load.counted) {
            let hits: Vec<i32> = versions::table
                .filter(Version::tar_sha256.eq(vec![key]))
                .select(versions::hits)
                .load(conn)
                .unwrap();
            let counted = i32::try_from(counted.load(Ordering::Relaxed)).unwrap();
            assert_eq!(hits, [counted], "key {key}");
        }
        let churned: Vec<Vec<u8>> = versions::table
            .filter(Version::tar_sha256.eq_any(CHURNED.map(|key| vec![key]).to_vec()))
            .select(Version::tar_sha256)
            .load(conn)
            .unwrap();
        let mut distinct = churned.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(churned.len(), distinct.len(), "{churned:?}");
    }};
}

mod sixteen_clients {
    mod on_postgres {
        use tests::postgres::PgDatabase;
        crate::model!();
        client!(PgConnection);

        #[test]
        fn sixteen_clients_see_no_error_on_postgres() {
            let database = PgDatabase::new();
            database
                .connect()
                .batch_execute(
                    "CREATE TABLE versions (id serial PRIMARY KEY, checksum text NOT NULL UNIQUE, \
                     hits integer NOT NULL, label text NOT NULL)",
                )
                .unwrap();
            Version::migration().load(&mut database.connect()).unwrap();
            live!(|| database.connect(), 16, 6);
        }
    }
}

mod on_sqlite {
    use tests::sqlite::SqliteDatabase;
    crate::model!();
    client!(SqliteConnection);

    #[test]
    fn three_clients_see_no_error_on_sqlite() {
        let database = SqliteDatabase::new();
        database
            .connect()
            .batch_execute(
                "CREATE TABLE versions (id INTEGER PRIMARY KEY, checksum TEXT NOT NULL, \
                 hits INTEGER NOT NULL, label TEXT NOT NULL); \
                 CREATE UNIQUE INDEX versions_checksum_key ON versions (checksum)",
            )
            .unwrap();
        Version::migration().load(&mut database.connect()).unwrap();
        // SQLite is not fair to those who wait
        let connect = || {
            let mut conn = database.connect();
            conn.batch_execute("PRAGMA busy_timeout = 60000; PRAGMA synchronous = OFF")
                .unwrap();
            conn
        };
        live!(connect, 3, 6);
    }
}

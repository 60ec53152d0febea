//! Constant time: no row is touched, whatever their number.

crate::on_both! {
    the_plan_touches_no_row(db, D) {
        use expand_contract::Effect;

        let conn = &mut db.connect();
        create::<D>(conn, 3);
        let plan = Person::migration().plan(conn).unwrap();
        let names: Vec<&str> = plan.iter().map(|action| action.name.as_str()).collect();
        let contract = ["rename the columns and publish", "wait for instances"];
        if D::POSTGRES {
            assert_eq!(names[..2], ["add the markers and publish", "wait for instances"]);
            assert_eq!(names[2..], contract);
        } else {
            assert_eq!(names, contract);
        }
        let sql: Vec<&str> = plan.iter().flat_map(|action| &action.sql).map(String::as_str).collect();
        let renames = sql.iter().filter(|sql| sql.contains("RENAME COLUMN")).count();
        assert_eq!(renames, 2, "{sql:#?}");
        for action in &plan {
            assert!(action.effect <= Effect::Catalogue, "{}: {}", action.name, action.effect);
        }
    }
}

mod postgres {
    use tests::postgres::{PgDatabase, PgServer};

    crate::model!();

    const ROWS: [u32; 2] = [1, 100_000];

    /// Where the table is on the disk, and every row's version and place.
    fn pages(conn: &mut PgConnection) -> String {
        let sql =
            "SELECT concat(pg_relation_filenode('people'), ' ', pg_relation_size('people'), ' ', \
                   md5(string_agg(xmin::text || ctid::text, ' ' ORDER BY id))) FROM people";
        Postgres::text(conn, sql).expect("a value")
    }

    fn indexes(conn: &mut PgConnection) -> String {
        let sql = "SELECT string_agg(indexrelid::text || pg_relation_filenode(indexrelid), ' ' ORDER BY 1) \
                   FROM pg_index WHERE indrelid = 'people'::regclass";
        Postgres::text(conn, sql).expect("a value")
    }

    /// The rows that scans of the table have returned so far.
    fn scanned(conn: &mut PgConnection) -> i64 {
        Postgres::run(conn, "SELECT pg_stat_force_next_flush()");
        let sql = "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables WHERE relname = 'people'";
        Postgres::text(conn, sql)
            .expect("a value")
            .parse()
            .expect("a number")
    }

    #[test]
    fn rows_and_indexes_stay_where_they_are() {
        // its log is nobody else's
        let server = PgServer::start(&[("autovacuum", "off")]);
        for rows in ROWS {
            let db = PgDatabase::on(&server);
            let conn = &mut db.connect();
            create::<Postgres>(conn, rows);
            Person::migration().prepare(conn).unwrap();
            let before = (pages(conn), indexes(conn));
            for step in [Step::Expand, Step::Contract, Step::Rollback] {
                let from = Postgres::text(conn, "SELECT pg_current_wal_insert_lsn()").unwrap();
                to!(conn, options(), step).unwrap();
                assert_eq!((pages(conn), indexes(conn)), before, "{step} of {rows}");
                // the catalogue and the ledger, and whole pages of both behind a checkpoint; ten bytes for each row would be more
                let log =
                    format!("SELECT pg_current_wal_insert_lsn() - '{from}'::pg_lsn < 1000000");
                let little = Postgres::text(conn, &log);
                assert_eq!(little.as_deref(), Some("true"), "{step} of {rows}");
            }
        }
    }

    /// What the step reads of the table: what the server counts of this connection's scans.
    #[test]
    fn no_row_is_read() {
        let db = Postgres::fresh();
        let conn = &mut db.connect();
        create::<Postgres>(conn, 1_000);
        for step in [Step::Expand, Step::Contract, Step::Rollback] {
            let before = scanned(conn);
            to!(conn, options(), step).unwrap();
            assert_eq!(scanned(conn), before, "{step}");
        }
        // the counter does count
        let before = scanned(conn);
        Postgres::run(conn, "SELECT count(*) FROM people");
        assert_eq!(scanned(conn), before + 1_000);
    }
}

mod sqlite {
    crate::model!();

    /// How many pages the step writes: the log is empty before.
    fn frames(conn: &mut SqliteConnection, url: &str, step: Step) -> u64 {
        Lite::run(conn, "PRAGMA wal_checkpoint(TRUNCATE)");
        to!(conn, options(), step).expect("nobody is in the way");
        let log = std::fs::metadata(format!("{url}-wal"));
        log.expect("there is a log").len() / 4096
    }

    #[test]
    fn as_many_pages_are_written_for_any_number_of_rows() {
        let written = [1, 100_000].map(|rows| {
            let db = Lite::fresh();
            let conn = &mut db.connect();
            create::<Lite>(conn, rows);
            Person::migration().prepare(conn).unwrap();
            [Step::Expand, Step::Contract, Step::Rollback].map(|step| frames(conn, &db.url(), step))
        });
        for (one, many) in written[0].into_iter().zip(written[1]) {
            assert!(one.abs_diff(many) <= 8, "{written:?}");
        }
        assert!(written[1].iter().all(|pages| *pages < 100), "{written:?}");
    }
}

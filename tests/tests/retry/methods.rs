//! The repository's methods outside a transaction.

on_both! {
    every_method_of_a_repository_that_is_behind(database, D) {
        let conn = &mut database.connect();
        D::run(conn, DDL);
        D::run(conn, "CREATE UNIQUE INDEX versions_checksum ON versions (checksum)");
        advance::<versions::table, _>(conn, Step::Switch);
        let stale = Version::migration().snapshot(conn).unwrap();
        advance::<versions::table, _>(conn, Step::Contract);
        let behind = || stale.make_process_wide();
        behind();
        let plain = diesel::insert_into(versions::table).values(&version(2)).execute(conn);
        assert!(plain.is_err(), "{plain:?}");
        assert_eq!(VersionRepository::insert(conn, &version(2)), Ok(version(2)));
        behind();
        let many: Vec<Version> = (10..200).map(|i| Version { tar_sha256: vec![1, i as u8], ..version(i) }).collect();
        assert_eq!(VersionRepository::insert_all(conn, &many), Ok(190));
        behind();
        let changed = Version { tar_sha256: vec![9], ..version(2) };
        assert_eq!(VersionRepository::update(conn, &changed), Ok(1));
        behind();
        assert_eq!(VersionRepository::upsert(conn, &version(2)), Ok(version(2)));
        behind();
        let by = VersionRepository::upsert_by_tar_sha256(conn, &Version { num: "x".into(), ..version(2) });
        assert_eq!(by.map(|row| row.num), Ok("x".to_owned()));
        behind();
        assert_eq!(VersionRepository::find_by_tar_sha256(conn, vec![2]).map(|rows| rows.len()), Ok(1));

        // inside a transaction a failed statement is its end (on PostgreSQL), so it is not sent again
        behind();
        let inside = conn.transaction(|conn| VersionRepository::insert(conn, &version(3)));
        assert!(inside.is_err(), "{inside:?}");
    }

    reads_of_a_repository_behind_a_rollback(database, D) {
        let conn = &mut database.connect();
        D::run(conn, DDL);
        advance::<versions::table, _>(conn, Step::Switch);
        let stale = Version::migration().snapshot(conn).unwrap();
        for _ in 0..2 {
            Version::migration().options(at_once()).rollback(conn).unwrap();
        }
        stale.make_process_wide();
        assert_eq!(VersionRepository::find(conn, &1), Ok(Some(version(1))));
        stale.make_process_wide();
        assert_eq!(VersionRepository::list(conn, None, 5), Ok(vec![version(1)]));
        stale.make_process_wide();
        assert_eq!(VersionRepository::find_by_tar_sha256(conn, vec![1]), Ok(vec![version(1)]));
        stale.make_process_wide();
        assert_eq!(VersionRepository::delete(conn, &1), Ok(1));
    }

    // Only what can be sent again is: the records behind the first statement are gone when it fails.
    a_later_part_of_a_batch_is_not_sent_without_the_earlier_ones(database, D) {
        let conn = &mut database.connect();
        D::run(conn, DDL);
        advance::<versions::table, _>(conn, Step::Expand);
        let stale = Version::migration().snapshot(conn).unwrap();
        advance::<versions::table, _>(conn, Step::Switch);
        stale.make_process_wide();
        // 1 is there
        let many: Vec<Version> = (2..300).chain([1]).map(version).collect();
        assert!(VersionRepository::insert_all(conn, &many).is_err());
        assert_eq!(versions::table.count().get_result(conn), Ok(1i64));
    }
}

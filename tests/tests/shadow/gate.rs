//! `switch` and `retire` ask for clean samples.

on_both! {
    switch_waits_for_clean_samples(database, D) {
        let conn = &mut database.connect();
        D::run(conn, DDL);
        let wanting = |n| at_once().clean_samples(n);
        let refused = |conn: &mut _, n| match try_to::<versions::table, _>(conn, Step::Switch, wanting(n)) {
            Err(Error::GateClosed { step: Step::Switch, gate: Gate::ShadowReads, found, .. }) => found,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(conn, 4), "0 of 4 shadow reads are on record");
        let _ = Version::migration().shadow_reads(Sampling::every(1));
        VersionRepository::list(conn, None, 10).unwrap();
        // what is counted and not reported does not count
        assert_eq!(refused(conn, 4), "0 of 4 shadow reads are on record");
        shadow::report_as::<versions::table, _>(conn, "web-1").unwrap();
        assert_eq!(refused(conn, 4), "3 of 4 shadow reads are on record");

        // a difference is named
        D::behind_the_triggers(conn, stale::<D>());
        VersionRepository::list(conn, None, 10).unwrap();
        shadow::report_as::<versions::table, _>(conn, "web-2").unwrap();
        let found = refused(conn, 4);
        assert_eq!(found, "1 of 6 shadow reads found a difference: web-2 (row 2)");
        let status = Version::migration().status(conn).unwrap().shadow_reads;
        assert_eq!((status.samples, status.mismatches), (6, 1));
        assert_eq!(status.differing[0].to_string(),
            "migration `versions/tar_sha256`: the columns of row 2 differ, read by web-2");

        // what differed is repaired, and it is counted anew
        advance::<versions::table, _>(conn, Step::Expand);
        Version::migration().options(at_once()).advance_to(conn, Step::Verify).unwrap_err();
        Version::migration().options(at_once()).advance_to(conn, Step::Backfill).unwrap();
        assert_eq!(refused(conn, 3), "0 of 3 shadow reads are on record");
        VersionRepository::list(conn, None, 10).unwrap();
        shadow::report::<versions::table, _>(conn).unwrap();
        let status = try_to::<versions::table, _>(conn, Step::Switch, wanting(3)).unwrap();
        assert_eq!(status.stage.phase, Phase::Switched);

        // `retire` gives up the way back, and asks too
        let found = match try_to::<versions::table, _>(conn, Step::Retire, wanting(5)) {
            Err(Error::GateClosed { step: Step::Retire, gate: Gate::ShadowReads, found, .. }) => found,
            other => panic!("{other:?}"),
        };
        assert_eq!(found, "3 of 5 shadow reads are on record");
        VersionRepository::list(conn, None, 10).unwrap();
        shadow::report::<versions::table, _>(conn).unwrap();
        try_to::<versions::table, _>(conn, Step::Retire, wanting(5)).unwrap();
    }

    an_operator_who_knows_better(database, D) {
        let conn = &mut database.connect();
        D::run(conn, DDL);
        let options = at_once().clean_samples(9).override_gate(Gate::ShadowReads, "nobody reads it");
        let status = try_to::<versions::table, _>(conn, Step::Switch, options).unwrap();
        assert_eq!(status.stage.phase, Phase::Switched);
        let ledger = if D::POSTGRES { "expand_contract." } else { "expand_contract_" };
        let recorded = D::text(conn, &format!(
            "SELECT gate || ': ' || reason || ': ' || found FROM {ledger}overrides WHERE gate = 'shadow reads'"
        ));
        assert_eq!(recorded.as_deref(), Some("shadow reads: nobody reads it: 0 of 9 shadow reads are on record"));
    }
}

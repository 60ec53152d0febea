//! The way back, from each phase.

crate::on_both! {
    from_contracted_the_column_takes_its_old_name(db, D) {
        let conn = &mut db.connect();
        create::<D>(conn, 3);
        let before = D::schema(conn);
        to!(conn, options(), Step::Contract).unwrap();
        // what the next release writes
        D::run(conn, "UPDATE people SET contact = 'new' WHERE id = 1");
        let (found, remedy) = closed(to!(conn, strict(), Step::Rollback));
        assert!(found.contains("contact"), "{found}");
        assert!(remedy.contains("new name"), "{remedy}");
        let named = strict().override_gate(Gate::Strangers, "the release was taken back");
        let back = to!(conn, named, Step::Rollback).unwrap();
        assert_eq!(back.stage, Stage::first(Phase::Original));
        assert!(back.settled && !back.leftover, "{back:?}");
        assert_eq!(D::schema(conn).replace('"', ""), before.replace('"', ""));
        let email = D::text(conn, "SELECT email FROM people WHERE id = 1");
        assert_eq!(email.as_deref(), Some("new"));
        // and forth again
        let over = to!(conn, options(), Step::Contract).unwrap();
        assert_eq!(over.stage, Stage::first(Phase::Contracted));
        let contact = D::text(conn, "SELECT contact FROM people WHERE id = 1");
        assert_eq!(contact.as_deref(), Some("new"));
    }

    a_column_that_the_ledger_does_not_know_of_is_left_alone(db, D) {
        let conn = &mut db.connect();
        D::run(conn, "CREATE TABLE people (id integer PRIMARY KEY, note text, contact text NOT NULL, score integer)");
        let status = Person::migration().status(conn).unwrap();
        assert_eq!(status.stage, Stage::first(Phase::Contracted));
        let refused = to!(conn, options(), Step::Rollback);
        assert!(matches!(refused, Err(Error::NoRollback { .. })), "{refused:?}");
    }

    a_name_that_was_taken_meanwhile_refuses_the_way_back(db, D) {
        let conn = &mut db.connect();
        create::<D>(conn, 3);
        to!(conn, options(), Step::Contract).unwrap();
        D::run(conn, "ALTER TABLE people ADD COLUMN email text");
        let refused = to!(conn, options(), Step::Rollback);
        assert!(matches!(refused, Err(Error::NameTaken { .. })), "{refused:?}");
        let status = Person::migration().status(conn).unwrap();
        assert_eq!(status.stage, Stage::first(Phase::Contracted));
    }

    the_deploy_script_of_a_copy_serves_as_well(db, D) {
        let conn = &mut db.connect();
        create::<D>(conn, 3);
        let migration = Person::migration().options(options());
        let migration = migration.expand(conn).unwrap().backfill(conn).unwrap();
        let migration = migration.verify(conn).unwrap().switch(conn).unwrap();
        let mut migration = migration.retire(conn).unwrap().contract(conn).unwrap();
        let over = migration.status(conn).unwrap();
        assert_eq!(over.stage, Stage::first(Phase::Contracted));
        // nothing was copied or compared, and nothing says so
        assert!(!over.backfilled && !over.verified, "{over:?}");
        assert!(Person::migration().plan(conn).unwrap().is_empty());
        // once more
        let migration = Person::migration().options(options()).expand(conn).unwrap();
        drop(migration.backfill(conn).unwrap().verify(conn).unwrap());
    }

    an_empty_table_is_renamed_at_once(db, D) {
        let conn = &mut db.connect();
        create::<D>(conn, 3);
        D::run(conn, "DELETE FROM people");
        let before = schema::<D>(conn);
        let over = to!(conn, strict(), Step::Contract).unwrap();
        assert_eq!(over.stage, Stage::first(Phase::Contracted));
        assert_eq!(schema::<D>(conn), before);
    }
}

mod postgres {
    crate::model!();

    #[test]
    fn from_expanded_the_marker_goes() {
        let db = Postgres::fresh();
        let conn = &mut db.connect();
        create::<Postgres>(conn, 3);
        let before = Postgres::schema(conn);
        for _ in 0..2 {
            to!(conn, strict(), Step::Retire).unwrap();
            assert_ne!(Postgres::schema(conn), before);
            let back = to!(conn, strict(), Step::Rollback).unwrap();
            assert_eq!(back.stage, Stage::first(Phase::Original));
            assert_eq!(Postgres::schema(conn), before);
        }
    }
}

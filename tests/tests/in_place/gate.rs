//! Programs that know only the old name hold the rename up, as far as they can be seen.

const OLD_ONLY: &str = "UPDATE people SET email = email || '!' WHERE id = 1";

mod postgres {
    use super::*;
    crate::model!();

    #[test]
    fn fm01_a_writer_of_the_old_name_keeps_the_gate_closed() {
        let db = Postgres::fresh();
        let conn = &mut db.connect();
        create::<Postgres>(conn, 3);
        to!(conn, strict(), Step::Retire).unwrap();
        later::<Postgres>(conn, 25);
        let old = &mut db.connect();
        Postgres::run(old, "SET application_name = 'billing'");
        let writes = [
            OLD_ONLY,
            "INSERT INTO people (id, email) VALUES (4, 'four')",
            "INSERT INTO people (id, email) VALUES (1, 'p2x') ON CONFLICT (id) DO UPDATE SET email = excluded.email",
            "UPDATE people SET points = 3 WHERE id = 1",
        ];
        for write in writes {
            Postgres::run(old, write);
            let before = schema::<Postgres>(conn);
            let (found, remedy) = closed(to!(conn, strict(), Step::Contract));
            assert!(found.contains("billing"), "{write}: {found}");
            assert!(remedy.contains("86400s"), "{remedy}");
            assert_eq!(schema::<Postgres>(conn), before);
            let status = Person::migration().status(conn).unwrap();
            assert_eq!(status.stage, Stage::first(Phase::Expanded));
            assert_eq!(status.strangers.len(), 1, "{write}: {status:?}");
            // by the database's clock
            Postgres::run(conn, "DELETE FROM expand_contract.strangers; SELECT nextval('expand_contract.stranger_epoch')");
        }
        Postgres::run(old, OLD_ONLY);
        closed(to!(conn, strict(), Step::Contract));
        later::<Postgres>(conn, 25);
        let over = to!(conn, strict(), Step::Contract).unwrap();
        assert_eq!(over.stage, Stage::first(Phase::Contracted));
        assert_eq!(over.strangers, []);
        assert!(Postgres::fails(old, OLD_ONLY));
    }

    /// Who has not been seen for a minute says nothing about a nightly job.
    #[test]
    fn the_gate_opens_when_the_quiet_period_was_watched() {
        let db = Postgres::fresh();
        let conn = &mut db.connect();
        create::<Postgres>(conn, 3);
        to!(conn, strict(), Step::Retire).unwrap();
        let (found, remedy) = closed(to!(conn, strict(), Step::Contract));
        assert!(found.contains("no longer than"), "{found}");
        assert!(remedy.contains("86400s"), "{remedy}");
        later::<Postgres>(conn, 23);
        closed(to!(conn, strict(), Step::Contract));
        later::<Postgres>(conn, 2);
        to!(conn, strict(), Step::Contract).unwrap();
    }

    #[test]
    fn a_writer_between_the_check_and_the_rename() {
        use std::ops::ControlFlow;

        let db = Postgres::fresh();
        let conn = &mut db.connect();
        create::<Postgres>(conn, 3);
        to!(conn, strict(), Step::Retire).unwrap();
        later::<Postgres>(conn, 25);
        let mut old = db.connect();
        let options = strict().on_action(move |event| {
            if event.action.starts_with("rename") {
                Postgres::run(&mut old, OLD_ONLY);
            }
            ControlFlow::Continue(())
        });
        closed(to!(conn, options, Step::Contract));
        let email = Postgres::text(conn, "SELECT email FROM people WHERE id = 1");
        assert_eq!(email.as_deref(), Some("p1!"));
    }

    /// Without its triggers nobody was seen.
    #[test]
    fn a_trigger_that_was_switched_off_closes_the_way() {
        let db = Postgres::fresh();
        let conn = &mut db.connect();
        create::<Postgres>(conn, 3);
        to!(conn, options(), Step::Retire).unwrap();
        let name = "SELECT min(tgname) FROM pg_trigger WHERE tgname LIKE '~expand%'";
        let name = Postgres::text(conn, name).unwrap();
        Postgres::run(
            conn,
            &format!("ALTER TABLE people DISABLE TRIGGER \"{name}\""),
        );
        let torn = to!(conn, options(), Step::Contract);
        assert!(matches!(torn, Err(Error::SafetyNetTorn { .. })), "{torn:?}");
        Postgres::run(
            conn,
            &format!("ALTER TABLE people ENABLE TRIGGER \"{name}\""),
        );
        to!(conn, options(), Step::Contract).unwrap();
    }

    /// An INSERT that leaves out a column whose default is another one for each row looks like one of the previous release.
    #[test]
    fn where_inserts_cannot_be_told_apart_the_gate_has_to_be_named() {
        let db = Postgres::fresh();
        let conn = &mut db.connect();
        create::<Postgres>(conn, 3);
        Postgres::run(
            conn,
            "ALTER TABLE people ALTER COLUMN email SET DEFAULT gen_random_uuid()::text",
        );
        to!(conn, strict(), Step::Retire).unwrap();
        later::<Postgres>(conn, 25);
        Postgres::run(conn, "INSERT INTO people (id) VALUES (4)");
        let status = Person::migration().status(conn).unwrap();
        assert_eq!(status.strangers, []);
        let (found, remedy) = closed(to!(conn, strict(), Step::Contract));
        assert!(found.contains("gen_random_uuid"), "{found}");
        assert!(remedy.contains("override_gate"), "{remedy}");
        Postgres::run(conn, OLD_ONLY);
        let (found, _) = closed(to!(conn, strict(), Step::Contract));
        assert!(found.contains("wrote only the old column"), "{found}");
        let named = strict().override_gate(Gate::Strangers, "they are stopped");
        let over = to!(conn, named, Step::Contract).unwrap();
        assert!(
            over.overrides[0]
                .found
                .contains("wrote only the old column"),
            "{over:?}"
        );
    }
}

mod sqlite {
    use super::*;
    crate::model!();

    #[test]
    fn fm01_the_operator_vouches_where_nobody_is_seen() {
        let db = Lite::fresh();
        let conn = &mut db.connect();
        create::<Lite>(conn, 3);
        let before = schema::<Lite>(conn);
        to!(conn, strict(), Step::Retire).unwrap();
        assert_eq!(schema::<Lite>(conn), before);
        let (found, remedy) = closed(to!(conn, strict(), Step::Contract));
        assert!(
            found.contains("SQLite") && found.contains("email"),
            "{found}"
        );
        assert!(remedy.contains("override_gate"), "{remedy}");
        let other = strict().override_gate(Gate::Instances, "another one");
        closed(to!(conn, other, Step::Contract));
        Lite::run(conn, OLD_ONLY);
        let named = strict().override_gate(Gate::Strangers, "the service was stopped");
        let over = to!(conn, named, Step::Contract).unwrap();
        assert_eq!(over.stage, Stage::first(Phase::Contracted));
        assert_eq!(over.overrides[0].reason, "the service was stopped");
        assert!(Lite::fails(conn, OLD_ONLY));
        let contact = Lite::text(conn, "SELECT contact FROM people WHERE id = 1");
        assert_eq!(contact.as_deref(), Some("p1!"));
        assert_eq!(schema::<Lite>(conn), before);
    }
}

crate::on_both! {
    /// As with any gate: zero does not ask.
    an_operator_who_does_not_ask(db, D) {
        let conn = &mut db.connect();
        create::<D>(conn, 3);
        to!(conn, options(), Step::Contract).unwrap();
    }
}

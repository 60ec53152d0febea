//! What does not follow a column to its new name is named before anything is changed.

use expand_contract::{Error, Obstacle, Status};

#[track_caller]
fn obstacles(outcome: Result<Status, Error>) -> Vec<String> {
    match outcome {
        Err(Error::Obstacles { obstacles, .. }) => {
            obstacles.iter().map(Obstacle::to_string).collect()
        }
        other => panic!("{other:?}"),
    }
}

mod postgres {
    use super::obstacles;
    crate::model!();

    #[test]
    fn a_trigger_whose_function_names_the_column() {
        let db = Postgres::fresh();
        let conn = &mut db.connect();
        create::<Postgres>(conn, 3);
        Postgres::run(
            conn,
            "CREATE FUNCTION lowered() RETURNS trigger LANGUAGE plpgsql AS \
               'BEGIN NEW.email := lower(NEW.email); RETURN NEW; END'; \
             CREATE TRIGGER lowered BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION lowered()",
        );
        let before = Postgres::schema(conn);
        let found = obstacles(to!(conn, options(), Step::Expand));
        assert_eq!(found, ["trigger `lowered` on `email`"]);
        let found = Person::migration().preflight(conn);
        assert!(matches!(found, Err(Error::Obstacles { .. })), "{found:?}");
        assert_eq!(Postgres::schema(conn), before);
        Postgres::run(conn, "DROP TRIGGER lowered ON people");
        to!(conn, options(), Step::Retire).unwrap();
        // one that came since
        Postgres::run(
            conn,
            "CREATE TRIGGER lowered BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION lowered()",
        );
        let found = obstacles(to!(conn, options(), Step::Contract));
        assert_eq!(found, ["trigger `lowered` on `email`"]);
    }

    #[test]
    fn a_domain_that_takes_no_null() {
        let db = Postgres::fresh();
        let conn = &mut db.connect();
        create::<Postgres>(conn, 3);
        Postgres::run(
            conn,
            "CREATE DOMAIN mail AS text CHECK (VALUE <> ''); CREATE DOMAIN mails AS mail; \
             DROP TRIGGER people_touched ON people; DROP VIEW people_seen; DROP POLICY people_own ON people; \
             DROP TABLE letters; ALTER TABLE people ALTER COLUMN email TYPE mails",
        );
        let found = obstacles(to!(conn, options(), Step::Expand));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("`mail` on `email`"), "{found:?}");
    }

    #[test]
    fn a_table_of_a_composite_type() {
        let db = Postgres::fresh();
        let conn = &mut db.connect();
        Postgres::run(
            conn,
            "CREATE TYPE person AS (id integer, note text, email text, points integer); \
             CREATE TABLE people OF person (PRIMARY KEY (id))",
        );
        let found = obstacles(to!(conn, options(), Step::Expand));
        assert!(found[0].contains("composite type"), "{found:?}");
    }

    #[test]
    fn a_marker_or_a_new_name_that_is_taken() {
        for taken in ["contact", "contact_expand_contract"] {
            let db = Postgres::fresh();
            let conn = &mut db.connect();
            create::<Postgres>(conn, 3);
            // as a row of the ledger: without one both columns at once say nothing
            to!(conn, options(), Step::Expand).unwrap();
            to!(conn, options(), Step::Rollback).unwrap();
            Postgres::run(conn, &format!("ALTER TABLE people ADD COLUMN {taken} text"));
            let refused = to!(conn, options(), Step::Expand);
            match refused {
                Err(Error::NameTaken { name, marker, .. }) => {
                    assert_eq!((name.as_str(), marker), (taken, taken != "contact"));
                }
                other => panic!("{taken}: {other:?}"),
            }
        }
    }

    /// What follows: see the table of these tests, which has one of each.
    #[test]
    fn views_go_on_under_their_own_names() {
        let db = Postgres::fresh();
        let conn = &mut db.connect();
        create::<Postgres>(conn, 3);
        let read = "SELECT string_agg(email, ' ' ORDER BY id) FROM people_seen";
        let before = Postgres::text(conn, read);
        to!(conn, options(), Step::Contract).unwrap();
        assert_eq!(Postgres::text(conn, read), before);
        Postgres::run(conn, "UPDATE people_seen SET email = 'one' WHERE id = 1");
        let definition = "SELECT pg_get_viewdef('people_seen')";
        let definition = Postgres::text(conn, definition).unwrap();
        assert!(definition.contains("contact AS email"), "{definition}");
    }
}

mod sqlite {
    use super::obstacles;
    crate::model!();

    #[test]
    fn a_view_that_would_take_the_new_name_itself() {
        let db = Lite::fresh();
        let conn = &mut db.connect();
        create::<Lite>(conn, 3);
        Lite::run(conn, "CREATE VIEW plain AS SELECT id, email FROM people");
        let before = Lite::schema(conn);
        let found = obstacles(to!(conn, options(), Step::Contract));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("`plain`"), "{found:?}");
        assert_eq!(Lite::schema(conn), before);
        let found = Person::migration().preflight(conn);
        assert!(matches!(found, Err(Error::Obstacles { .. })), "{found:?}");
        assert_eq!(Lite::schema(conn), before);
        Lite::run(
            conn,
            "DROP VIEW plain; CREATE VIEW plain AS SELECT id, email AS email FROM people",
        );
        to!(conn, options(), Step::Contract).unwrap();
        assert_eq!(
            Lite::text(conn, "SELECT email FROM plain WHERE id = 1").as_deref(),
            Some("p1")
        );
    }

    /// `RENAME COLUMN` reads every view and trigger of the file.
    #[test]
    fn a_schema_that_sqlite_cannot_read() {
        let db = Lite::fresh();
        let conn = &mut db.connect();
        create::<Lite>(conn, 3);
        Lite::run(conn, "CREATE VIEW broken AS SELECT missing FROM nowhere");
        let before = Lite::schema(conn);
        let found = obstacles(to!(conn, options(), Step::Contract));
        assert!(
            found[0].contains("refusal of SQLite") && found[0].contains("broken"),
            "{found:?}"
        );
        assert_eq!(Lite::schema(conn), before);
    }
}

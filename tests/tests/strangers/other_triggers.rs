//! Triggers of the user's on the same table, before and after the library's.

use expand_contract::phase::Step;
use expand_contract::prelude::*;
use expand_contract::{Error, NoticeKind};
use tests::database::{Db, Lite, Postgres};

use crate::{advance, options, plain, row, Person};

/// A BEFORE trigger that puts `value` into a column.
fn trigger(conn: &mut PgConnection, name: &str, assignment: &str) {
    Postgres::run(
        conn,
        &format!(
            "CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN {assignment}; RETURN NEW; END'; \
             CREATE TRIGGER \"{name}\" BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION other()"
        ),
    );
}

// Whatever an earlier trigger makes of the row is what is mirrored.
#[test]
fn fm08_a_trigger_before_ours_changes_the_old_column() {
    for name in ["a_first", "zz_late", "~expand"] {
        let db = Postgres::fresh();
        let conn = &mut db.connect();
        plain::<Postgres>(conn);
        advance::<Postgres>(conn, Step::Verify);
        trigger(conn, name, "NEW.email := upper(NEW.email)");
        Postgres::run(
            conn,
            "INSERT INTO people (id, email, exact) VALUES (2, 'b', 1)",
        );
        assert_eq!(row::<Postgres>(conn, 2), "B B NULL NULL 1 1", "{name}");
        Postgres::run(conn, "UPDATE people SET email = 'c' WHERE id = 2");
        assert_eq!(row::<Postgres>(conn, 2), "C C NULL NULL 1 1", "{name}");
        // of a statement that does not name the column at all, too
        Postgres::run(conn, "UPDATE people SET note = 'x' WHERE id = 1");
        assert_eq!(row::<Postgres>(conn, 1), "ONE ONE 01 01 1.5 1", "{name}");
    }
}

#[test]
fn fm08_a_trigger_before_ours_changes_the_new_column() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    plain::<Postgres>(conn);
    advance::<Postgres>(conn, Step::Switch);
    trigger(conn, "a_first", "NEW.contact := lower(NEW.contact)");
    Postgres::run(conn, "UPDATE people SET contact = 'NEW' WHERE id = 1");
    assert_eq!(row::<Postgres>(conn, 1), "new new 01 01 1.5 1");
    // both sides by a writer of both, one of them changed on the way: they do not belong together any more
    let both = "UPDATE people SET contact = 'X', email = 'X' WHERE id = 1";
    assert!(Postgres::fails(conn, both));
    assert_eq!(row::<Postgres>(conn, 1), "new new 01 01 1.5 1");
}

// A name that sorts behind ours sees to it that the row is wrong again: a notice before, and caught by comparing.
#[test]
fn fm08_a_trigger_after_ours_is_named_and_caught() {
    for name in ["~~last", "ünser_letzter"] {
        let db = Postgres::fresh();
        let conn = &mut db.connect();
        plain::<Postgres>(conn);
        // by a way that no look at its text finds
        trigger(conn, name, "EXECUTE ''SELECT ($1).*'' USING NEW INTO NEW");
        let notices = Person::migration()
            .preflight(conn)
            .expect("nothing is refused");
        let late: Vec<&str> = notices
            .iter()
            .filter(|notice| notice.kind == NoticeKind::LateTrigger)
            .map(|notice| notice.object.as_str())
            .collect();
        assert_eq!(late, [format!("trigger `{name}`")]);
        advance::<Postgres>(conn, Step::Verify);
        Postgres::run(
            conn,
            "CREATE OR REPLACE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN NEW.email := upper(NEW.email); RETURN NEW; END'",
        );
        Postgres::run(conn, "UPDATE people SET email = 'b' WHERE id = 1");
        assert_eq!(row::<Postgres>(conn, 1), "B b 01 01 1.5 1", "{name}");
        let refused = Person::migration()
            .options(options())
            .advance_to(conn, Step::Switch);
        assert!(
            matches!(refused, Err(Error::Mismatches { count: 1, .. })),
            "{refused:?}"
        );
        // and no step that looks goes on while it names the column
        let refused = Person::migration()
            .options(options())
            .advance_to(conn, Step::Backfill);
        assert!(
            matches!(refused, Err(Error::Obstacles { .. })),
            "{refused:?}"
        );
    }
}

// Refused until they are ported: by the columns they fire for, their condition, their text and their arguments.
#[test]
fn fm08_triggers_that_name_the_old_column_are_refused() {
    let function =
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'";
    for create in [
        format!("{function}; CREATE TRIGGER t BEFORE UPDATE OF email ON people FOR EACH ROW EXECUTE FUNCTION f()"),
        format!("{function}; CREATE TRIGGER t AFTER UPDATE ON people FOR EACH ROW WHEN (OLD.email <> NEW.email) EXECUTE FUNCTION f()"),
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM NEW.email; RETURN NEW; END'; \
         CREATE TRIGGER t BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION f()".to_owned(),
        format!("{function}; CREATE TRIGGER t BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION f('note', 'email')"),
        "ALTER TABLE people ADD words tsvector; CREATE TRIGGER t BEFORE INSERT OR UPDATE ON people FOR EACH ROW \
         EXECUTE FUNCTION tsvector_update_trigger(words, 'pg_catalog.english', note, email)".to_owned(),
    ] {
        let db = Postgres::fresh();
        let conn = &mut db.connect();
        plain::<Postgres>(conn);
        Postgres::run(conn, &create);
        for outcome in [
            Person::migration().options(options()).advance_to(conn, Step::Expand).map(drop),
            Person::migration().preflight(conn).map(drop),
        ] {
            match outcome {
                Err(Error::Obstacles { obstacles, .. }) => {
                    let found: Vec<_> = obstacles.iter().map(|o| (o.kind.as_str(), o.name.as_str())).collect();
                    assert_eq!(found, [("trigger", "t")], "{create}");
                }
                other => panic!("{create}: {other:?}"),
            }
        }
    }
}

// SQLite does not say in which order AFTER triggers fire: each of ours works on the row as it is by then.
#[test]
fn fm08_another_after_trigger() {
    for ours_first in [true, false] {
        let db = Lite::fresh();
        let conn = &mut db.connect();
        plain::<Lite>(conn);
        let shout = "CREATE TRIGGER shout AFTER INSERT ON people WHEN NEW.email <> upper(NEW.email) \
             BEGIN UPDATE people SET email = upper(email) WHERE id = NEW.id; END; \
             CREATE TRIGGER shout_again AFTER UPDATE OF email ON people WHEN NEW.email <> upper(NEW.email) \
             BEGIN UPDATE people SET email = upper(email) WHERE id = NEW.id; END;";
        advance::<Lite>(conn, Step::Verify);
        if ours_first {
            Lite::run(conn, shout);
        } else {
            // made again behind the other's
            let all = "SELECT group_concat(sql, '; ') FROM sqlite_master WHERE type = 'trigger'";
            let ours = Lite::text(conn, all).expect("the safety net");
            let all = "SELECT group_concat('DROP TRIGGER \"' || name || '\"', '; ') FROM sqlite_master WHERE type = 'trigger'";
            let drop = Lite::text(conn, all).expect("the safety net");
            Lite::run(conn, &format!("BEGIN; {drop}; {shout} {ours}; COMMIT"));
        }
        Lite::run(
            conn,
            "INSERT INTO people (id, email, exact) VALUES (2, 'b', 1)",
        );
        assert_eq!(row::<Lite>(conn, 2), "B B NULL NULL 1 1", "{ours_first}");
        Lite::run(conn, "UPDATE people SET email = 'c' WHERE id = 2");
        assert_eq!(row::<Lite>(conn, 2), "C C NULL NULL 1 1", "{ours_first}");
    }
}

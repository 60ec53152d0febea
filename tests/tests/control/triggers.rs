//! The user's triggers: a copy fires them, says so before, and does without where the role may.

use std::convert::Infallible;

use diesel::{Connection, PgConnection};
use expand_contract::phase::{Phase, Step};
use expand_contract::{Error, MigrateOn, NoticeKind, Options};

use crate::common::*;

/// Every update leaves a line in `audit` and a later `touched`.
fn audited<D: Db>(conn: &mut D::Conn, rows: u32)
where
    users::table: MigrateOn<D::Conn>,
{
    D::run(
        conn,
        "CREATE TABLE users (id integer PRIMARY KEY, email text NOT NULL, touched integer NOT NULL DEFAULT 0); \
         CREATE TABLE audit (id integer NOT NULL)",
    );
    D::run(
        conn,
        if D::POSTGRES {
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN INSERT INTO audit (id) VALUES (NEW.id); RETURN NULL; END'; \
             CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN NEW.touched := OLD.touched + 1; RETURN NEW; END'; \
             CREATE TRIGGER note AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION note(); \
             CREATE TRIGGER touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch(); \
             CREATE TRIGGER of_another BEFORE UPDATE OF touched ON users FOR EACH ROW EXECUTE FUNCTION touch(); \
             CREATE TRIGGER of_inserts AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION note()"
        } else {
            "CREATE TRIGGER note AFTER UPDATE ON users BEGIN INSERT INTO audit (id) VALUES (NEW.id); END; \
             CREATE TRIGGER of_another AFTER UPDATE OF touched ON users BEGIN DELETE FROM audit; END; \
             CREATE TRIGGER of_inserts AFTER INSERT ON users BEGIN UPDATE users SET touched = 0 WHERE id = NEW.id; END"
        },
    );
    D::run(
        conn,
        "ALTER TABLE users RENAME TO later; ALTER TABLE later RENAME TO users",
    );
    for id in 1..=rows {
        D::run(
            conn,
            &format!("INSERT INTO users (id, email) VALUES ({id}, 'u{id}')"),
        );
    }
    D::run(conn, "DELETE FROM audit");
}

fn fired<D: Db>(conn: &mut D::Conn) -> String {
    D::text(conn, "SELECT count(*) FROM audit").expect("a number")
}

fn fm40_a_backfill_fires_the_users_triggers_and_says_so_before<D: Db>(db: &D)
where
    users::table: MigrateOn<D::Conn>,
{
    let conn = &mut db.connect();
    audited::<D>(conn, 4);
    let notices = User::migration()
        .preflight(conn)
        .expect("nothing is refused");
    let named: Vec<&str> = notices
        .iter()
        .filter(|notice| notice.kind == NoticeKind::UpdateTrigger)
        .map(|notice| notice.object.as_str())
        .collect();
    let wanted: &[&str] = match D::POSTGRES {
        true => &["trigger `note`", "trigger `touch`"],
        false => &["trigger `note`"],
    };
    assert_eq!(named, wanted);
    migration(options())
        .advance_to(conn, Step::Backfill)
        .expect("backfill");
    assert_eq!(fired::<D>(conn), "4");
    let notices = User::migration()
        .preflight(conn)
        .expect("nothing is refused");
    let ours = notices
        .iter()
        .filter(|notice| notice.kind == NoticeKind::UpdateTrigger);
    assert_eq!(
        ours.count(),
        wanted.len(),
        "the library's own are not among them"
    );
}

on_every_database!(fm40_a_backfill_fires_the_users_triggers_and_says_so_before);

#[test]
fn sqlite_cannot_do_without() {
    let db = Lite::fresh();
    let conn = &mut db.connect();
    audited::<Lite>(conn, 1);
    let refused = migration(options().without_user_triggers()).advance_to(conn, Step::Expand);
    assert!(
        matches!(refused, Err(Error::Unsupported { .. })),
        "{refused:?}"
    );
    assert!(!status::<Lite>(conn).in_ledger);
}

fn silent() -> Options {
    options().batch_size(3).without_user_triggers()
}

#[test]
fn fm40_a_backfill_without_the_users_triggers() {
    for workers in [1, 2] {
        let db = Postgres::fresh();
        let conn = &mut db.connect();
        audited::<Postgres>(conn, 10);
        migration(silent())
            .advance_to(conn, Step::Expand)
            .expect("expand");
        // a writer of the release before is seen while the copy is under way, by the user's triggers and by the library's
        let (mut writer, mut written) = (db.connect(), false);
        let url = db.url();
        let options = silent().workers(workers).throttle(move || {
            if !std::mem::replace(&mut written, true) {
                let sql = "UPDATE users SET email = 'changed' WHERE id = 9";
                Postgres::run(&mut writer, sql);
            }
            Ok::<_, Infallible>(expand_contract::Verdict::Go)
        });
        migration(options)
            .connect_with(move || PgConnection::establish(&url))
            .advance_to(conn, Step::Verify)
            .expect("verify");
        assert_eq!(copied::<Postgres>(conn), 10);
        assert_eq!(fired::<Postgres>(conn), "1", "{workers} workers");
        let touched = "SELECT sum(touched) || ' ' || max(touched) FROM users";
        assert_eq!(Postgres::text(conn, touched).as_deref(), Some("1 1"));
        let mirrored = "SELECT email || ' ' || mail FROM users WHERE id = 9";
        assert_eq!(
            Postgres::text(conn, mirrored).as_deref(),
            Some("changed changed")
        );
        // the connection is as it was
        let role = "SELECT current_setting('session_replication_role')";
        assert_eq!(Postgres::text(conn, role).as_deref(), Some("origin"));
        let status = migration(silent()).run(conn).expect("to the end");
        assert_eq!(status.stage.phase, Phase::Contracted);
        assert_eq!(fired::<Postgres>(conn), "1");
    }
}

#[test]
fn fm40_a_role_that_may_not_is_refused_before_anything_is_changed() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    let role = format!("fm40_{}", std::process::id());
    Postgres::run(
        conn,
        &format!(
            "CREATE ROLE {role}; GRANT CREATE ON SCHEMA public TO {role}; \
             DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO {role}', current_database()); END $$; \
             SET ROLE {role}"
        ),
    );
    audited::<Postgres>(conn, 3);
    let before = Postgres::schema(conn);
    let refused = migration(silent()).advance_to(conn, Step::Backfill);
    assert!(
        matches!(&refused, Err(Error::Privilege { what, .. }) if what.contains("session_replication_role")),
        "{refused:?}"
    );
    assert_eq!(Postgres::schema(conn), before);
    assert!(!status::<Postgres>(conn).in_ledger);
    let parameters = "SELECT current_setting('server_version_num')::int >= 150000";
    if Postgres::text(conn, parameters).as_deref() == Some("true") {
        Postgres::run(
            conn,
            &format!("RESET ROLE; GRANT SET ON PARAMETER session_replication_role TO {role}; SET ROLE {role}"),
        );
        migration(silent())
            .advance_to(conn, Step::Backfill)
            .expect("now it may");
        assert_eq!(
            (copied::<Postgres>(conn), fired::<Postgres>(conn)),
            (3, "0".to_owned())
        );
    }
    Postgres::run(
        conn,
        &format!("RESET ROLE; DROP OWNED BY {role} CASCADE; DROP ROLE {role}"),
    );
}

#[test]
fn what_triggers_check_is_not_copied_without_them() {
    let db = Postgres::fresh();
    let conn = &mut db.connect();
    audited::<Postgres>(conn, 3);
    Postgres::run(
        conn,
        "CREATE TABLE mails (mail text PRIMARY KEY); INSERT INTO mails VALUES ('u1'), ('u2')",
    );
    let refused = |conn: &mut _, step: Step| -> Vec<String> {
        let mut migration = migration(silent());
        let ended = match step {
            Step::Rollback => migration.rollback(conn),
            step => migration.advance_to(conn, step),
        };
        match ended {
            Err(Error::TriggersNeeded { constraints, .. }) => constraints,
            other => panic!("{other:?}"),
        }
    };
    migration(silent())
        .advance_to(conn, Step::Expand)
        .expect("expand");
    // holds for all rows, of which none has a value yet: what the copy writes would not be asked for, and 'u3' is not there
    Postgres::run(
        conn,
        "ALTER TABLE users ADD CONSTRAINT known FOREIGN KEY (mail) REFERENCES mails (mail)",
    );
    assert_eq!(refused(conn, Step::Backfill), ["constraint known on users"]);
    assert_eq!(copied::<Postgres>(conn), 0);
    // one that is to be validated will be
    Postgres::run(
        conn,
        "ALTER TABLE users DROP CONSTRAINT known; \
         ALTER TABLE users ADD CONSTRAINT known FOREIGN KEY (mail) REFERENCES mails (mail) NOT VALID",
    );
    migration(silent())
        .advance_to(conn, Step::Backfill)
        .expect("backfill");
    assert!(Postgres::fails(
        conn,
        "ALTER TABLE users VALIDATE CONSTRAINT known"
    ));
    Postgres::run(conn, "ALTER TABLE users DROP CONSTRAINT known");

    // copied back to a column that others refer to, and that is unique at the end of a transaction only
    migration(silent())
        .advance_to(conn, Step::Retire)
        .expect("retire");
    Postgres::run(
        conn,
        "INSERT INTO users (id, mail) VALUES (4, 'u4'), (5, 'u4')",
    );
    Postgres::behind_the_triggers(conn, "UPDATE users SET email = NULL WHERE id > 3");
    Postgres::run(
        conn,
        "ALTER TABLE users ADD CONSTRAINT sole UNIQUE (email) DEFERRABLE INITIALLY DEFERRED",
    );
    assert_eq!(refused(conn, Step::Rollback), ["constraint sole on users"]);
    Postgres::run(
        conn,
        "ALTER TABLE users DROP CONSTRAINT sole; ALTER TABLE users ADD CONSTRAINT sole UNIQUE (email); \
         CREATE TABLE orders (email text REFERENCES users (email))",
    );
    assert_eq!(
        refused(conn, Step::Rollback),
        ["constraint orders_email_fkey on orders"]
    );
    Postgres::run(
        conn,
        "DROP TABLE orders; ALTER TABLE users DROP CONSTRAINT sole",
    );
    migration(silent()).rollback(conn).expect("rollback");
}

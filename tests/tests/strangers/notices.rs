//! What cannot be promised, but seen.

use expand_contract::phase::Step;
use expand_contract::{MigrateOn, Notice, NoticeKind};
use tests::database::{Db, Lite, Postgres};
use tests::postgres::{PgDatabase, PgServer};

use crate::{advance, people, plain, Person};

fn notices<D: Db>(conn: &mut D::Conn) -> Vec<Notice>
where
    people::table: MigrateOn<D::Conn>,
{
    Person::migration()
        .preflight(conn)
        .expect("nothing is refused")
}

#[track_caller]
fn finds<D: Db>(conn: &mut D::Conn, kind: NoticeKind, object: &str)
where
    people::table: MigrateOn<D::Conn>,
{
    let all = notices::<D>(conn);
    let found = all.iter().find(|notice| notice.kind == kind);
    match found {
        Some(notice) => {
            assert!(notice.object.contains(object), "{notice:?}");
            assert!(notice.message.ends_with(kind.meaning()), "{notice:?}");
        }
        None => panic!("no {kind}: {all:?}"),
    }
}

#[test]
fn postgres_functions_triggers_and_views() {
    for (sql, kind, object) in [
        ("CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'SELECT count(*) FROM people'; \
          CREATE FUNCTION g() RETURNS void LANGUAGE plpgsql AS 'DECLARE v record; BEGIN SELECT * INTO v FROM people; END'",
         NoticeKind::WholeRow, "function g()"),
        ("CREATE TABLE audit (a int, b text, c text, d text, e float8); \
          CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO audit SELECT NEW.*; RETURN NULL; END'; \
          CREATE TRIGGER t AFTER INSERT ON people FOR EACH ROW EXECUTE FUNCTION f()",
         NoticeKind::WholeRow, "function f()"),
        ("CREATE FUNCTION f(p people) RETURNS text LANGUAGE sql AS 'SELECT p.note'", NoticeKind::WholeRow, "function f(people)"),
        ("CREATE FUNCTION f() RETURNS SETOF people LANGUAGE plpgsql AS 'BEGIN RETURN; END'", NoticeKind::WholeRow, "function f()"),
        ("CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS 'BEGIN INSERT INTO people VALUES (7); END'",
         NoticeKind::WholeRow, "function f()"),
        ("CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$BEGIN EXECUTE 'COPY people TO ''/dev/null'''; END$$",
         NoticeKind::WholeRow, "function f()"),
        ("CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'UPDATE people SET email = ''x'' WHERE false'",
         NoticeKind::Function, "function f()"),
        ("CREATE VIEW v AS SELECT p FROM people p", NoticeKind::View, "view v"),
        ("CREATE PUBLICATION every FOR ALL TABLES", NoticeKind::Publication, "publication `every`"),
        ("CREATE PUBLICATION one FOR TABLE people", NoticeKind::Publication, "publication `one`"),
    ] {
        let db = Postgres::fresh();
        let conn = &mut db.connect();
        plain::<Postgres>(conn);
        assert_eq!(notices::<Postgres>(conn), []);
        Postgres::run(conn, sql);
        let before = Postgres::schema(conn);
        finds::<Postgres>(conn, kind, object);
        // it stops nothing, and changes nothing
        assert_eq!(Postgres::schema(conn), before);
        let ledger = "SELECT to_regclass('expand_contract.meta')";
        assert_eq!(Postgres::text(conn, ledger), None);
        if !sql.contains("VIEW") && !sql.contains("SELECT NEW.*") {
            advance::<Postgres>(conn, Step::Switch);
            finds::<Postgres>(conn, kind, object);
        }
    }
}

#[test]
fn postgres_settings_and_replication() {
    let server = PgServer::start(&[("wal_level", "logical")]);
    let db = PgDatabase::on(&server);
    let conn = &mut db.connect();
    plain::<Postgres>(conn);
    Postgres::run(
        conn,
        "CREATE ROLE careful; ALTER ROLE careful SET default_transaction_isolation = 'serializable'; \
         CREATE ROLE loader; ALTER ROLE loader SET session_replication_role = 'replica'",
    );
    finds::<Postgres>(conn, NoticeKind::Isolation, "role careful");
    finds::<Postgres>(conn, NoticeKind::TriggersOff, "role loader");
    let name = Postgres::text(conn, "SELECT current_database()").expect("a name");
    Postgres::run(
        conn,
        &format!(
            "DROP ROLE careful; DROP ROLE loader; ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'"
        ),
    );
    finds::<Postgres>(conn, NoticeKind::Isolation, &format!("database {name}"));
    Postgres::run(
        conn,
        "CREATE SUBSCRIPTION incoming CONNECTION 'dbname=postgres' PUBLICATION p WITH (connect = false)",
    );
    // which tables it has it learns from its publisher
    Postgres::run(
        conn,
        "INSERT INTO pg_subscription_rel (srsubid, srrelid, srsubstate) SELECT oid, 'people'::regclass, 'r' FROM pg_subscription",
    );
    finds::<Postgres>(conn, NoticeKind::Subscription, "subscription `incoming`");
    Postgres::run(
        conn,
        "ALTER SUBSCRIPTION incoming SET (slot_name = NONE); DELETE FROM pg_subscription_rel; DROP SUBSCRIPTION incoming",
    );
}

#[test]
fn sqlite_views_and_triggers() {
    let db = Lite::fresh();
    let conn = &mut db.connect();
    plain::<Lite>(conn);
    Lite::run(
        conn,
        "CREATE TABLE log (id integer); CREATE VIEW fine AS SELECT id, note FROM people; \
         CREATE TRIGGER fine_too AFTER INSERT ON people BEGIN INSERT INTO log (id) VALUES (NEW.id); END",
    );
    assert_eq!(notices::<Lite>(conn), []);
    Lite::run(conn, "CREATE VIEW every AS SELECT * FROM people");
    finds::<Lite>(conn, NoticeKind::View, "view `every`");
    Lite::run(
        conn,
        "CREATE TABLE copies (a, b, c, d, e); CREATE TRIGGER copying AFTER DELETE ON people \
         BEGIN INSERT INTO copies SELECT * FROM people WHERE id = 0; END",
    );
    finds::<Lite>(conn, NoticeKind::WholeRow, "trigger `copying`");
}

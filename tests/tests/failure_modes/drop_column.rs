//! SQLite refuses to drop a column that an index, a trigger or a view names, and a table that is rebuilt loses its triggers.

use expand_contract::phase::{Phase, Step};
use expand_contract::prelude::*;
use expand_contract::Error;
use tests::database::{Db, Lite};

use crate::options;

diesel::table! {
    users (id) {
        id -> Integer,
        mail -> Text,
    }
}

#[derive(Migrate)]
#[diesel(table_name = users)]
#[migrate(id = "users-drop")]
#[allow(dead_code)]
struct User {
    id: i32,
    #[migrate(rename_from = "email")]
    mail: String,
}

const TABLES: &str =
    "CREATE TABLE users (id integer PRIMARY KEY, email text NOT NULL, note text); \
     CREATE TABLE orders (id integer PRIMARY KEY, placed text); \
     CREATE INDEX users_email ON users (email DESC); \
     CREATE TRIGGER orders_audit AFTER INSERT ON orders \
       BEGIN UPDATE users SET note = NEW.placed WHERE id = NEW.id; END; \
     CREATE TRIGGER users_note AFTER UPDATE OF note ON users \
       BEGIN UPDATE orders SET placed = NEW.note WHERE id = NEW.id; END; \
     INSERT INTO users VALUES (1, 'a', NULL);";

fn schema(conn: &mut SqliteConnection) -> String {
    let sql = "SELECT group_concat(sql, '; ') FROM (SELECT sql FROM sqlite_master \
               WHERE name NOT LIKE '%expand_contract%' AND type <> 'table' ORDER BY name)";
    Lite::text(conn, sql).expect("there are objects")
}

/// Fails if the old column is dropped before its indexes.
#[test]
fn fm28_a_column_with_an_index_is_dropped_and_triggers_survive() {
    let db = Lite::fresh();
    let conn = &mut db.connect();
    Lite::run(conn, TABLES);
    let before = schema(conn);
    let status = User::migration()
        .options(options().quiet_period(std::time::Duration::ZERO))
        .advance_to(conn, Step::Contract)
        .expect("nothing is in the way");
    assert_eq!(status.stage.phase, Phase::Contracted);

    let after = schema(conn);
    let triggers = |schema: &str| -> Vec<String> {
        let all = schema.split("; CREATE ").map(str::to_owned);
        all.filter(|sql| sql.contains("TRIGGER")).collect()
    };
    assert_eq!(triggers(&after), triggers(&before));
    assert!(after.contains("users_email"), "{after}");
    assert!(!after.contains("(email"), "{after}");
    // and they fire
    Lite::run(conn, "INSERT INTO orders VALUES (1, 'today')");
    let note = Lite::text(conn, "SELECT note FROM users WHERE id = 1 AND mail = 'a'");
    assert_eq!(note.as_deref(), Some("today"));
}

/// Fails without the look at the views and triggers before `expand`.
#[test]
fn fm28_what_names_the_column_elsewhere_is_named_before_anything_changes() {
    for (object, kind) in [
        ("CREATE VIEW v AS SELECT email FROM users", "view"),
        (
            "CREATE TRIGGER t AFTER INSERT ON orders BEGIN UPDATE users SET email = 'x'; END",
            "trigger",
        ),
    ] {
        let db = Lite::fresh();
        let conn = &mut db.connect();
        Lite::run(conn, TABLES);
        Lite::run(conn, object);
        let before = schema(conn);
        match User::migration().options(options()).expand(conn) {
            Err(Error::Obstacles { obstacles, .. }) => {
                let found = obstacles.iter().any(|found| found.kind.contains(kind));
                assert!(found, "{obstacles:?}");
            }
            other => panic!("{object}: {other:?}"),
        }
        assert_eq!(schema(conn), before);
    }
}

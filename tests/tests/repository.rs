//! The repository in every phase.
#![allow(missing_docs)]
use diesel::sql_query;
use expand_contract::__private::Dialect;
use expand_contract::phase::{Phase, Stage};
use expand_contract::prelude::*;
use expand_contract::Migrate as _;
use expand_contract::Snapshot;
use tests::postgres::PgDatabase;

diesel::table! {
    members (team, id) {
        team -> Integer,
        id -> Text,
        name -> Text,
        primary_contact -> Nullable<Text>,
    }
}

#[derive(Queryable, Selectable, Insertable, AsChangeset, Migrate, Debug, Clone, PartialEq)]
#[diesel(table_name = members, primary_key(team, id), treat_none_as_null = true)]
struct Member {
    team: i32,
    id: String,
    name: String,
    #[migrate(rename_from = "legacy_email")]
    primary_contact: Option<String>,
}

#[derive(Insertable)]
#[diesel(table_name = members)]
struct NewMember<'a> {
    team: i32,
    id: &'a str,
    name: &'a str,
    primary_contact: &'a str,
}

fn member(team: i32, id: &str) -> Member {
    Member {
        team,
        id: id.into(),
        name: id.to_uppercase(),
        primary_contact: Some(format!("{id}@example.com")),
    }
}

fn ddl(phase: Phase) -> String {
    let columns = match phase {
        Phase::Original => "legacy_email TEXT",
        Phase::Contracted => "primary_contact TEXT",
        _ => "legacy_email TEXT, primary_contact TEXT",
    };
    format!("CREATE TABLE members (team INTEGER NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, {columns}, PRIMARY KEY (team, id))")
}

macro_rules! every_method {
    ($conn:expr) => {{
        let conn = $conn;
        let new = NewMember {
            team: 1,
            id: "ann",
            name: "ANN",
            primary_contact: "ann@example.com",
        };
        let ann = MemberRepository::insert(conn, &new).expect("insert");
        assert_eq!(ann, member(1, "ann"));
        assert_eq!(
            MemberRepository::find(conn, &1, &"ann".into()),
            Ok(Some(ann.clone()))
        );
        assert_eq!(MemberRepository::find(conn, &1, &"bob".into()), Ok(None));

        let many: Vec<Member> = (0..300).map(|i| member(2, &format!("m{i:03}"))).collect();
        assert_eq!(MemberRepository::insert_all(conn, &many), Ok(300));
        let mut pages = Vec::new();
        let mut page = MemberRepository::list(conn, None, 100).expect("first page");
        assert_eq!(page.first(), Some(&ann));
        while let Some(last) = page.last().cloned() {
            pages.extend(page);
            page = MemberRepository::list(conn, Some(&last), 100).expect("page");
        }
        assert_eq!(pages[1..], many[..]);

        let changed = Member {
            primary_contact: None,
            ..ann.clone()
        };
        assert_eq!(MemberRepository::update(conn, &changed), Ok(1));
        assert_eq!(
            MemberRepository::find(conn, &1, &"ann".into()),
            Ok(Some(changed))
        );
        assert_eq!(MemberRepository::update(conn, &member(9, "nobody")), Ok(0));

        assert_eq!(MemberRepository::upsert(conn, &ann), Ok(ann.clone()));
        assert_eq!(
            MemberRepository::upsert(conn, &member(3, "cid")),
            Ok(member(3, "cid"))
        );
        assert_eq!(
            MemberRepository::find_by_primary_contact(conn, "cid@example.com"),
            Ok(vec![member(3, "cid")])
        );
        assert_eq!(MemberRepository::delete(conn, &3, &"cid".into()), Ok(1));
        assert_eq!(MemberRepository::delete(conn, &3, &"cid".into()), Ok(0));
    }};
}

#[test]
fn every_method_in_every_phase_on_sqlite() {
    for phase in Phase::ALL {
        let conn = &mut tests::sqlite::in_memory();
        sql_query(ddl(phase)).execute(conn).expect("ddl");
        let snapshot = Snapshot::new(
            members::table::cell(),
            Stage::first(phase),
            Dialect::Sqlite,
            vec![],
        );
        snapshot.scope(|| every_method!(&mut *conn));
    }
}

#[test]
fn every_method_in_every_phase_on_postgres() {
    for phase in Phase::ALL {
        let database = PgDatabase::new();
        let conn = &mut database.connect();
        sql_query(ddl(phase)).execute(conn).expect("ddl");
        let snapshot = Snapshot::new(
            members::table::cell(),
            Stage::first(phase),
            Dialect::Postgres,
            vec![],
        );
        snapshot.scope(|| every_method!(&mut *conn));
    }
}

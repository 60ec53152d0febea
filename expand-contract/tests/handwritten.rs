//! The statements without the derives: what a macro would write, written by hand.
#![allow(missing_docs, clippy::unwrap_used)]

use diesel::prelude::*;
use diesel::sql_types::Text;
use expand_contract::__private::*;
use expand_contract::phase::{Phase, Stage};
use expand_contract::{AtPhase, PhaseCell, PhaseColumn, Snapshot};

diesel::table! {
    versions (id) {
        id -> Integer,
        num -> Text,
        tar_sha256 -> Binary,
    }
}
diesel::table! {
    downloads (id) {
        id -> Integer,
        version_id -> Integer,
    }
}
diesel::joinable!(downloads -> versions (version_id));
diesel::allow_tables_to_appear_in_same_query!(versions, downloads);

static DEF: MigrationDef = MigrationDef {
    id: "versions/tar_sha256",
    generation: 1,
    changes: &[ChangeDef {
        old: "checksum",
        via: None,
        new: <versions::tar_sha256 as Column>::NAME,
        conversion: Conversion::Sql {
            up: SqlExpr {
                any: None,
                postgres: Some(&[Part::Sql("decode("), Part::Column, Part::Sql(", 'hex')")]),
                sqlite: Some(&[Part::Sql("unhex("), Part::Column, Part::Sql(")")]),
            },
            down: SqlExpr {
                any: None,
                postgres: Some(&[Part::Sql("encode("), Part::Column, Part::Sql(", 'hex')")]),
                sqlite: Some(&[Part::Sql("lower(hex("), Part::Column, Part::Sql("))")]),
            },
        },
        lossless: true,
        monotonic: false,
        new_type: PerDialect {
            any: None,
            postgres: Some("bytea"),
            sqlite: Some("BLOB"),
        },
        nullable: false,
    }],
};
static CELL: PhaseCell = PhaseCell::new(&DEF);

impl Change for versions::tar_sha256 {
    type NewSqlType = diesel::sql_types::Binary;
    type OldSqlType = Text;
    type Kind = BySql;
    const OLD: &'static str = "checksum";
    const VIA: &'static str = "tar_sha256";
    const TABLE: &'static versions::table = &versions::table;
    const INDEX: usize = 0;
    fn cell() -> &'static PhaseCell {
        &CELL
    }
}
impl versions::tar_sha256 {
    pub const EXPAND_CONTRACT: bool = true;
}
#[derive(Queryable, Identifiable, Debug, PartialEq, Clone)]
#[diesel(table_name = versions)]
struct Version {
    id: i32,
    num: String,
    tar_sha256: Vec<u8>,
}
struct NewVersion<'a> {
    num: &'a str,
    tar_sha256: &'a [u8],
}
impl Version {
    #[allow(non_upper_case_globals)]
    const tar_sha256: PhaseColumn<versions::tar_sha256> = PhaseColumn::NEW;
}

const _: () = {
    use expand_contract::__private::NotMigrating as _;
    type F0 = Field<versions::num, { versions::num::EXPAND_CONTRACT }>;
    type F1 = Field<versions::tar_sha256, { versions::tar_sha256::EXPAND_CONTRACT }>;
    type Record<'r, 'a> = (
        <F0 as InsertField<&'r &'a str>>::Given,
        <F1 as InsertField<&'r &'a [u8]>>::Given,
    );
    impl<'r, 'a> Insertable<versions::table> for &'r NewVersion<'a> {
        type Values = <Record<'r, 'a> as Insertable<versions::table>>::Values;
        fn values(self) -> Self::Values {
            Insertable::<versions::table>::values((
                <F0 as InsertField<&'r &'a str>>::given(&self.num),
                <F1 as InsertField<&'r &'a [u8]>>::given(&self.tar_sha256),
            ))
        }
    }
    impl<'a> diesel::internal::derives::insertable::UndecoratedInsertRecord<versions::table>
        for NewVersion<'a>
    {
    }
    impl<'r> diesel::query_builder::AsChangeset for &'r Version {
        type Target = versions::table;
        type Changeset = <(
            <F0 as AssignField<&'r String>>::Assignment,
            <F1 as AssignField<&'r Vec<u8>>>::Assignment,
        ) as diesel::query_builder::AsChangeset>::Changeset;
        fn as_changeset(self) -> Self::Changeset {
            (
                <F0 as AssignField<&'r String>>::assign(&self.num),
                <F1 as AssignField<&'r Vec<u8>>>::assign(&self.tar_sha256),
            )
                .as_changeset()
        }
    }
    impl<DB: diesel::backend::Backend> Selectable<DB> for Version {
        type SelectExpression = (
            versions::id,
            <F0 as SelectField>::Expression,
            <F1 as SelectField>::Expression,
        );
        fn construct_selection() -> Self::SelectExpression {
            (versions::id, F0::select(), F1::select())
        }
    }
};

fn ddl(phase: Phase) -> &'static str {
    match phase {
        Phase::Original => "CREATE TABLE versions (id INTEGER PRIMARY KEY, num TEXT NOT NULL UNIQUE, checksum TEXT)",
        Phase::Contracted => "CREATE TABLE versions (id INTEGER PRIMARY KEY, num TEXT NOT NULL UNIQUE, tar_sha256 BLOB)",
        _ => "CREATE TABLE versions (id INTEGER PRIMARY KEY, num TEXT NOT NULL UNIQUE, checksum TEXT, tar_sha256 BLOB)",
    }
}

fn snapshot(phase: Phase, dialect: Dialect) -> Snapshot {
    Snapshot::new(
        &CELL,
        Stage::first(phase),
        dialect,
        vec![Some("text".into())],
    )
}

#[test]
fn every_statement_in_every_phase_on_sqlite() {
    for phase in Phase::ALL {
        let conn = &mut SqliteConnection::establish(":memory:").unwrap();
        diesel::sql_query(ddl(phase)).execute(conn).unwrap();
        diesel::sql_query("CREATE TABLE downloads (id INTEGER PRIMARY KEY, version_id INTEGER)")
            .execute(conn)
            .unwrap();
        snapshot(phase, Dialect::Sqlite).scope(|| statements(conn));
    }
}

fn statements(conn: &mut SqliteConnection) {
    let new = NewVersion {
        num: "1.0.0",
        tar_sha256: &[1, 2],
    };
    println!(
        "{}",
        diesel::debug_query::<diesel::sqlite::Sqlite, _>(
            &diesel::insert_into(versions::table).values(&new)
        )
    );
    diesel::insert_into(versions::table)
        .values(&new)
        .execute(conn)
        .unwrap();
    let rows = vec![
        NewVersion {
            num: "2.0.0",
            tar_sha256: &[3],
        },
        NewVersion {
            num: "3.0.0",
            tar_sha256: &[4],
        },
    ];
    diesel::insert_into(versions::table)
        .values(&rows)
        .execute(conn)
        .unwrap();
    diesel::insert_into(versions::table)
        .values(&rows[..0])
        .execute(conn)
        .unwrap();
    let back: Version = diesel::insert_into(versions::table)
        .values((versions::num.eq("4.0.0"), Version::tar_sha256.eq(vec![5u8])))
        .returning(Version::as_returning())
        .get_result(conn)
        .unwrap();
    assert_eq!(back.tar_sha256, [5]);
    diesel::insert_into(versions::table)
        .values(vec![
            (versions::num.eq("5.0.0"), Version::tar_sha256.eq(vec![6u8])),
            (versions::num.eq("6.0.0"), Version::tar_sha256.eq(vec![7u8])),
        ])
        .execute(conn)
        .unwrap();
    let all: Vec<Version> = versions::table
        .order(versions::id)
        .select(Version::as_select())
        .load(conn)
        .unwrap();
    assert_eq!(all.len(), 6);
    let mut one = all[0].clone();
    assert_eq!(
        one,
        Version {
            id: 1,
            num: "1.0.0".into(),
            tar_sha256: vec![1, 2]
        }
    );
    one.tar_sha256 = vec![9];
    println!(
        "{}",
        diesel::debug_query::<diesel::sqlite::Sqlite, _>(&diesel::update(&one).set(&one))
    );
    diesel::update(&one).set(&one).execute(conn).unwrap();
    diesel::update(versions::table.find(2))
        .set(Version::tar_sha256.eq(vec![8u8]))
        .execute(conn)
        .unwrap();
    let found: Vec<i32> = versions::table
        .filter(Version::tar_sha256.eq(vec![9u8]).and(versions::num.ne("x")))
        .order(Version::tar_sha256.desc())
        .select(versions::id)
        .load(conn)
        .unwrap();
    assert_eq!(found, [1]);
    let found: Vec<i32> = versions::table
        .filter(Version::tar_sha256.eq_any([vec![9u8], vec![8u8]]))
        .order(versions::id)
        .select(versions::id)
        .load(conn)
        .unwrap();
    assert_eq!(found.len(), 2);
    let boxed = versions::table
        .filter(Version::tar_sha256.gt(vec![1u8]))
        .into_boxed();
    assert_eq!(boxed.count().get_result::<i64>(conn).unwrap(), 6);
    let groups: Vec<(Vec<u8>, i64)> = versions::table
        .group_by(Version::tar_sha256)
        .order(Version::tar_sha256)
        .select((Version::tar_sha256, diesel::dsl::count_star()))
        .load(conn)
        .unwrap();
    assert_eq!(groups.len(), 6);
    let _: Vec<(Vec<u8>, String)> = versions::table
        .group_by((Version::tar_sha256, versions::num))
        .select((Version::tar_sha256, versions::num))
        .load(conn)
        .unwrap();
    diesel::insert_into(downloads::table)
        .values(downloads::version_id.eq(1))
        .execute(conn)
        .unwrap();
    let joined: Vec<Option<Vec<u8>>> = downloads::table
        .left_join(versions::table)
        .select(Version::tar_sha256.nullable())
        .load(conn)
        .unwrap();
    assert_eq!(joined, [Some(vec![9])]);
    let joined: Vec<Version> = downloads::table
        .inner_join(versions::table)
        .filter(Version::tar_sha256.between(vec![1u8], vec![200u8]))
        .select(Version::as_select())
        .load(conn)
        .unwrap();
    assert_eq!(joined.len(), 1);
    let v2 = diesel::alias!(versions as v2);
    let aliased: Vec<Vec<u8>> = v2
        .select(v2.fields(Version::tar_sha256))
        .order(v2.field(versions::id))
        .load(conn)
        .unwrap();
    assert_eq!(aliased.len(), 6);
    diesel::insert_into(versions::table)
        .values(&NewVersion {
            num: "1.0.0",
            tar_sha256: &[77],
        })
        .on_conflict(versions::num)
        .do_update()
        .set(Version::tar_sha256.eq_excluded())
        .execute(conn)
        .unwrap();
    let it: Vec<u8> = versions::table
        .find(1)
        .select(Version::tar_sha256)
        .first(conn)
        .unwrap();
    assert_eq!(it, [77]);
    let like = versions::table
        .filter(versions::num.eq("1.0.0"))
        .select(Version::tar_sha256.is_not_null());
    assert!(like.first::<bool>(conn).unwrap());
}

#[test]
fn a_statement_can_have_a_phase_of_its_own() {
    let conn = &mut SqliteConnection::establish(":memory:").unwrap();
    diesel::sql_query(ddl(Phase::Expanded))
        .execute(conn)
        .unwrap();
    let original = snapshot(Phase::Original, Dialect::Sqlite);
    let new = NewVersion {
        num: "1",
        tar_sha256: &[1],
    };
    diesel::insert_into(versions::table)
        .values(&new)
        .at(&original)
        .execute(conn)
        .unwrap();
    let got: Vec<Version> = versions::table
        .select(Version::as_select())
        .at(&original)
        .load(conn)
        .unwrap();
    assert_eq!(got[0].tar_sha256, [1]);
}

#[test]
fn sql() {
    for phase in Phase::ALL {
        let pg = snapshot(phase, Dialect::Postgres);
        pg.scope(|| {
            let one = Version {
                id: 1,
                num: "1".into(),
                tar_sha256: vec![1],
            };
            println!(
                "{}",
                diesel::debug_query::<diesel::pg::Pg, _>(&diesel::update(&one).set(&one))
            );
            println!(
                "{}",
                diesel::debug_query::<diesel::pg::Pg, _>(
                    &versions::table
                        .filter(Version::tar_sha256.eq(vec![1u8]))
                        .select(Version::as_select())
                )
            );
        });
    }
}

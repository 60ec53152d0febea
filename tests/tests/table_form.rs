//! The annotation on `diesel::table!`: every way in which Diesel code names a column leads to the one in force.
//!
//! This rests on how Diesel expands `table!`, so each way has its test.
#![allow(missing_docs)]

use diesel::dsl::auto_type;
use expand_contract::phase::Phase;
use expand_contract::prelude::*;
use tests::phases;

#[expand_contract::migrate(tar_sha256(
    rename_from = "checksum",
    retype_from = Text,
    up(sqlite = "unhex(checksum)", postgres = "decode(checksum, 'hex')"),
    down(sqlite = "lower(hex(tar_sha256))", postgres = "encode(tar_sha256, 'hex')"),
    lossless
))]
diesel::table! {
    use diesel::sql_types::*;

    /// The attributes of the table stay.
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

// Diesel's own derives, as they stand in code that knows nothing of the migration.
#[derive(Queryable, diesel::Selectable, Identifiable, Debug, PartialEq, Clone)]
#[diesel(table_name = versions)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct Version {
    id: i32,
    num: String,
    tar_sha256: Vec<u8>,
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = versions)]
struct NewVersion<'a> {
    num: &'a str,
    tar_sha256: &'a [u8],
}

fn create(phase: Phase) -> String {
    let columns = phases::columns(phase, "checksum TEXT", "tar_sha256 BLOB");
    format!(
        "CREATE TABLE versions (id INTEGER PRIMARY KEY, num TEXT NOT NULL, {columns});
         CREATE TABLE downloads (id INTEGER PRIMARY KEY, version_id INTEGER NOT NULL)"
    )
}

/// In every phase, with the versions 1.0 and 2.0.
fn with_versions(work: impl Fn(Phase, &mut diesel::SqliteConnection)) {
    phases::each::<versions::table>(create, |phase, connection| {
        let new = [("1.0", [1_u8]), ("2.0", [2])];
        let new: Vec<NewVersion<'_>> = new
            .iter()
            .map(|(num, tar_sha256)| NewVersion { num, tar_sha256 })
            .collect();
        let rows = diesel::insert_into(versions::table)
            .values(&new)
            .execute(connection);
        assert_eq!(rows, Ok(2), "{phase}");
        work(phase, connection);
    });
}

fn version(id: u8) -> Version {
    Version {
        id: id.into(),
        num: format!("{id}.0"),
        tar_sha256: vec![id],
    }
}

#[test]
fn default_selection() {
    with_versions(|phase, connection| {
        let found = versions::table.load::<Version>(connection);
        assert_eq!(found, Ok(vec![version(1), version(2)]), "{phase}");
        let found = versions::table.find(2).first::<Version>(connection);
        assert_eq!(found, Ok(version(2)), "{phase}");
        let found = versions::table.into_boxed().first::<Version>(connection);
        assert_eq!(found, Ok(version(1)), "{phase}");
    });
}

#[test]
fn all_columns() {
    with_versions(|phase, connection| {
        let found = versions::table
            .select(versions::all_columns)
            .load::<Version>(connection);
        assert_eq!(found, Ok(vec![version(1), version(2)]), "{phase}");
        let found = versions::table
            .select(<versions::table as diesel::Table>::all_columns())
            .load::<Version>(connection);
        assert_eq!(found, Ok(vec![version(1), version(2)]), "{phase}");
    });
}

#[test]
fn selectable() {
    with_versions(|phase, connection| {
        let found = versions::table
            .select(Version::as_select())
            .load(connection);
        assert_eq!(found, Ok(vec![version(1), version(2)]), "{phase}");
    });
}

#[test]
fn names_of_the_module_and_of_its_dsl() {
    with_versions(|phase, connection| {
        use versions::dsl::{num, tar_sha256, versions as table};
        let found = table
            .filter(tar_sha256.eq(vec![2_u8]))
            .order(tar_sha256.desc())
            .select((num, tar_sha256))
            .load::<(String, Vec<u8>)>(connection);
        assert_eq!(found, Ok(vec![("2.0".to_owned(), vec![2])]), "{phase}");
        let found = versions::table
            .filter(versions::tar_sha256.eq_any([vec![1_u8], vec![2]]))
            .filter(versions::tar_sha256.ne(vec![1_u8]))
            .select(versions::tar_sha256)
            .first::<Vec<u8>>(connection);
        assert_eq!(found, Ok(vec![2]), "{phase}");
    });
}

#[test]
fn groups_and_aggregates() {
    with_versions(|phase, connection| {
        let found = versions::table
            .group_by(versions::tar_sha256)
            .select((versions::tar_sha256, diesel::dsl::count_star()))
            .order(versions::tar_sha256)
            .load::<(Vec<u8>, i64)>(connection);
        assert_eq!(found, Ok(vec![(vec![1], 1), (vec![2], 1)]), "{phase}");
    });
}

#[test]
fn writes_of_single_columns() {
    with_versions(|phase, connection| {
        diesel::insert_into(versions::table)
            .values((versions::num.eq("3.0"), versions::tar_sha256.eq(vec![3_u8])))
            .execute(connection)
            .expect("inserts");
        diesel::update(versions::table.find(1))
            .set(versions::tar_sha256.eq(vec![9_u8]))
            .execute(connection)
            .expect("updates");
        diesel::update(versions::table.find(2))
            .set(&NewVersion {
                num: "2.1",
                tar_sha256: &[8],
            })
            .execute(connection)
            .expect("updates");
        let found = versions::table
            .select((versions::num, versions::tar_sha256))
            .load::<(String, Vec<u8>)>(connection);
        let expected = [("1.0", 9), ("2.1", 8), ("3.0", 3)];
        let expected = expected.map(|(num, byte)| (num.to_owned(), vec![byte]));
        assert_eq!(found, Ok(expected.to_vec()), "{phase}");
    });
}

#[derive(Queryable, Identifiable, AsChangeset, Debug, PartialEq, Clone)]
#[diesel(table_name = versions)]
struct Saved {
    id: i32,
    num: String,
    tar_sha256: Vec<u8>,
}

#[test]
fn what_a_write_returns() {
    with_versions(|phase, connection| {
        let saved = Saved {
            id: 2,
            num: "2.1".to_owned(),
            tar_sha256: vec![4],
        };
        assert_eq!(saved.save_changes(connection), Ok(saved.clone()), "{phase}");
        let new = NewVersion {
            num: "3.0",
            tar_sha256: &[3],
        };
        let inserted = diesel::insert_into(versions::table)
            .values(&new)
            .get_result::<Version>(connection);
        assert_eq!(inserted, Ok(version(3)), "{phase}");
        let checksum = diesel::delete(versions::table.find(1))
            .returning(versions::tar_sha256)
            .get_result::<Vec<u8>>(connection);
        assert_eq!(checksum, Ok(vec![1]), "{phase}");
    });
}

#[test]
fn joins() {
    with_versions(|phase, connection| {
        diesel::insert_into(downloads::table)
            .values(downloads::version_id.eq(2))
            .execute(connection)
            .expect("inserts");
        let found = downloads::table
            .inner_join(versions::table)
            .filter(versions::tar_sha256.eq(vec![2_u8]))
            .load::<((i32, i32), Version)>(connection);
        assert_eq!(found, Ok(vec![((1, 2), version(2))]), "{phase}");
        let found = versions::table
            .left_join(downloads::table)
            .select((Version::as_select(), downloads::id.nullable()))
            .order(versions::id)
            .load::<(Version, Option<i32>)>(connection);
        let expected = vec![(version(1), None), (version(2), Some(1))];
        assert_eq!(found, Ok(expected), "{phase}");
        let found = downloads::table
            .left_join(versions::table)
            .select(versions::tar_sha256.nullable())
            .load::<Option<Vec<u8>>>(connection);
        assert_eq!(found, Ok(vec![Some(vec![2])]), "{phase}");
    });
}

#[test]
fn aliases() {
    with_versions(|phase, connection| {
        let (one, other) = diesel::alias!(versions as one, versions as other);
        let found = one
            .inner_join(
                other.on(one
                    .field(versions::id)
                    .ne(other.field(versions::id))
                    .and(versions::tar_sha256.on(&other).eq(vec![2_u8]))),
            )
            .select((
                one.fields(versions::all_columns),
                other.fields((versions::id, versions::tar_sha256)),
            ))
            .load::<(Version, (i32, Vec<u8>))>(connection);
        assert_eq!(found, Ok(vec![(version(1), (2, vec![2]))]), "{phase}");
    });
}

#[test]
fn a_column_under_an_alias() {
    with_versions(|phase, connection| {
        let one = diesel::alias!(versions as one);
        let sha = versions::tar_sha256.on(&one);
        for (count, found) in [
            (1, one.filter(sha.eq(vec![1_u8])).count().first(connection)),
            (1, one.filter(sha.ne(vec![1_u8])).count().first(connection)),
            (2, one.filter(sha.ge(vec![1_u8])).count().first(connection)),
            (1, one.filter(sha.gt(vec![1_u8])).count().first(connection)),
            (1, one.filter(sha.lt(vec![2_u8])).count().first(connection)),
            (2, one.filter(sha.le(vec![2_u8])).count().first(connection)),
        ] {
            assert_eq!(found, Ok::<i64, diesel::result::Error>(count), "{phase}");
        }
        let any = one.filter(sha.eq_any([vec![1_u8], vec![7]])).count();
        assert_eq!(any.first(connection), Ok(1_i64), "{phase}");
        let between = one.filter(sha.between(vec![1_u8], vec![2_u8])).count();
        assert_eq!(between.first(connection), Ok(2_i64), "{phase}");
        let found = one
            .select(sha)
            .order(sha.desc())
            .load::<Vec<u8>>(connection);
        assert_eq!(found, Ok(vec![vec![2], vec![1]]), "{phase}");
    });
}

#[derive(diesel::HasQuery, Debug, PartialEq)]
#[diesel(table_name = versions)]
struct Checksum {
    id: i32,
    tar_sha256: Vec<u8>,
}

#[derive(diesel::HasQuery, Debug, PartialEq)]
#[diesel(table_name = versions)]
#[diesel(base_query = versions::table.order(versions::tar_sha256.desc()))]
struct Latest {
    tar_sha256: Vec<u8>,
}

#[test]
fn has_query() {
    with_versions(|phase, connection| {
        let found = Checksum::query().find(2).first(connection);
        let tar_sha256 = vec![2];
        assert_eq!(found, Ok(Checksum { id: 2, tar_sha256 }), "{phase}");
        let tar_sha256 = vec![2];
        assert_eq!(Latest::query().first(connection), Ok(Latest { tar_sha256 }));
    });
}

#[auto_type]
fn newest_checksums() -> _ {
    versions::table
        .order(versions::id.desc())
        .select((versions::id, versions::tar_sha256))
}

#[auto_type]
fn with_checksum(checksum: Vec<u8>) -> _ {
    let same: expand_contract::dsl::Eq<versions::tar_sha256, Vec<u8>> =
        versions::tar_sha256.eq(checksum);
    versions::table.filter(same)
}

#[test]
fn auto_types() {
    with_versions(|phase, connection| {
        let found = newest_checksums().first::<(i32, Vec<u8>)>(connection);
        assert_eq!(found, Ok((2, vec![2])), "{phase}");
        let found = with_checksum(vec![1]).first::<Version>(connection);
        assert_eq!(found, Ok(version(1)), "{phase}");
    });
}

#[derive(Queryable, diesel::Selectable, Insertable, AsChangeset, Debug, PartialEq)]
#[diesel(table_name = versions)]
struct Archive {
    tar_sha256: Vec<u8>,
}

#[derive(Queryable, diesel::Selectable, Insertable, AsChangeset, Debug, PartialEq)]
#[diesel(table_name = versions)]
struct Release {
    num: String,
    #[diesel(embed)]
    archive: Archive,
}

#[test]
fn embedded_structs() {
    with_versions(|phase, connection| {
        let release = |num: &str, byte| Release {
            num: num.to_owned(),
            archive: Archive {
                tar_sha256: vec![byte],
            },
        };
        diesel::insert_into(versions::table)
            .values(&release("3.0", 3))
            .execute(connection)
            .expect("inserts");
        diesel::update(versions::table.find(2))
            .set(&release("2.1", 4))
            .execute(connection)
            .expect("updates");
        let found = versions::table
            .select(Release::as_select())
            .load(connection);
        let expected = vec![release("1.0", 1), release("2.1", 4), release("3.0", 3)];
        assert_eq!(found, Ok(expected), "{phase}");
    });
}

mod by_rust {
    use super::*;

    fn parse(text: String) -> Result<i32, std::num::ParseIntError> {
        text.parse()
    }

    fn show(number: i32) -> Result<String, std::convert::Infallible> {
        Ok(number.to_string())
    }

    #[derive(Debug, Clone, Copy, PartialEq, diesel::AsExpression, diesel::FromSqlRow)]
    #[diesel(sql_type = diesel::sql_types::Integer)]
    pub struct Points(i32);

    impl From<Points> for String {
        fn from(points: Points) -> String {
            points.0.to_string()
        }
    }

    impl TryFrom<String> for Points {
        type Error = std::num::ParseIntError;

        fn try_from(text: String) -> Result<Self, Self::Error> {
            text.parse().map(Points)
        }
    }

    impl<DB> diesel::deserialize::FromSql<diesel::sql_types::Integer, DB> for Points
    where
        DB: diesel::backend::Backend,
        i32: diesel::deserialize::FromSql<diesel::sql_types::Integer, DB>,
    {
        fn from_sql(bytes: DB::RawValue<'_>) -> diesel::deserialize::Result<Self> {
            i32::from_sql(bytes).map(Points)
        }
    }

    impl<DB> diesel::serialize::ToSql<diesel::sql_types::Integer, DB> for Points
    where
        DB: diesel::backend::Backend,
        i32: diesel::serialize::ToSql<diesel::sql_types::Integer, DB>,
    {
        fn to_sql<'b>(
            &'b self,
            out: &mut diesel::serialize::Output<'b, '_, DB>,
        ) -> diesel::serialize::Result {
            self.0.to_sql(out)
        }
    }

    #[expand_contract::migrate(
        size(rename_from = "length", retype_from = Text, old_type = String, new_type = i32,
             up_with = parse, down_with = show, lossless),
        points(rename_from = "score", retype_from = Nullable<Text>, old_type = String,
               new_type = Option<Points>, lossless)
    )]
    diesel::table! {
        scores (id) {
            id -> Integer,
            size -> Integer,
            points -> Nullable<Integer>,
            name -> Text,
        }
    }

    #[derive(
        expand_contract::Queryable,
        diesel::Selectable,
        Identifiable,
        Insertable,
        AsChangeset,
        Debug,
        PartialEq,
        Clone,
    )]
    #[diesel(table_name = scores)]
    struct Score {
        id: i32,
        size: i32,
        #[diesel(treat_none_as_null = true)]
        points: Option<Points>,
        name: String,
    }

    #[derive(HasQuery, Debug, PartialEq)]
    #[diesel(table_name = scores)]
    struct Size {
        size: i32,
    }

    fn create(phase: Phase) -> String {
        let size = phases::columns(phase, "length TEXT", "size INTEGER");
        let points = phases::columns(phase, "score TEXT", "points INTEGER");
        format!(
            "CREATE TABLE scores (id INTEGER PRIMARY KEY, {size}, {points}, name TEXT NOT NULL)"
        )
    }

    #[test]
    fn is_written_and_read_in_every_phase() {
        phases::each::<scores::table>(create, |phase, connection| {
            let score = |id: i32, points: Option<i32>| Score {
                id,
                size: id * 10,
                points: points.map(Points),
                name: format!("score {id}"),
            };
            let all = vec![score(1, Some(7)), score(2, None)];
            diesel::insert_into(scores::table)
                .values(&all)
                .execute(connection)
                .expect("inserts");
            assert_eq!(
                scores::table.load::<Score>(connection),
                Ok(all.clone()),
                "{phase}"
            );
            let found = scores::table
                .select(Score::as_select())
                .filter(scores::size.eq(20))
                .load(connection);
            assert_eq!(found, Ok(vec![score(2, None)]), "{phase}");
            let found = scores::table
                .filter(scores::size.eq_any([10, 30]))
                .filter(scores::points.eq(Some(Points(7))))
                .load::<Score>(connection);
            assert_eq!(found, Ok(vec![score(1, Some(7))]), "{phase}");

            diesel::update(scores::table.find(2))
                .set((scores::size.eq(21), scores::points.eq(Some(Points(8)))))
                .execute(connection)
                .expect("updates");
            diesel::update(&score(1, None))
                .set(&score(1, None))
                .execute(connection)
                .expect("updates");
            let mut changed = score(2, Some(8));
            changed.size = 21;
            assert_eq!(
                scores::table.load::<Score>(connection),
                Ok(vec![score(1, None), changed]),
                "{phase}"
            );
            let found = Size::query().filter(scores::size.eq(21)).load(connection);
            assert_eq!(found, Ok(vec![Size { size: 21 }]), "{phase}");
        });
    }
}

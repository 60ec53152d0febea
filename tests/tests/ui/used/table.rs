//! The same for an annotation of a table.
use expand_contract::prelude::*;

#[expand_contract::migrate(
    tar_sha256(rename_from = "num", retype_from = Text, up = "unhex(num"),
    number(rename_from = "nr"),
    generation = 0
)]
diesel::table! {
    versions (id) {
        id -> Integer,
        num -> Text,
        tar_sha256 -> Binary,
    }
}

#[derive(Queryable, diesel::Selectable, Identifiable, Insertable, AsChangeset)]
#[diesel(table_name = versions)]
struct Version {
    id: i32,
    num: String,
    tar_sha256: Vec<u8>,
}

fn main() {
    let connection = &mut diesel::SqliteConnection::establish(":memory:").unwrap();
    let version = Version { id: 1, num: "1.0".to_owned(), tar_sha256: vec![1] };
    let _: Vec<Version> = versions::table.select(Version::as_select()).load(connection).unwrap();
    diesel::insert_into(versions::table).values(&version).execute(connection).unwrap();
    diesel::insert_into(versions::table).values(vec![&version]).execute(connection).unwrap();
    diesel::update(versions::table.find(1)).set(&version).execute(connection).unwrap();
    let _: Vec<(i32, Version)> =
        versions::table.select((versions::id, Version::as_select())).load(connection).unwrap();
    let _: Vec<Vec<u8>> =
        versions::table.select(versions::tar_sha256).order(versions::tar_sha256).load(connection).unwrap();
    let _: i64 =
        versions::table.filter(versions::tar_sha256.eq(vec![1u8])).count().get_result(connection).unwrap();
    diesel::update(versions::table)
        .set(versions::tar_sha256.eq(vec![1u8]))
        .execute(connection)
        .unwrap();
    diesel::insert_into(versions::table)
        .values((versions::num.eq("1.0"), versions::tar_sha256.eq(vec![1u8])))
        .on_conflict(versions::tar_sha256.target().unwrap())
        .do_update()
        .set(versions::tar_sha256.eq_excluded())
        .execute(connection)
        .unwrap();
    let _ = versions::migration();
    let _: Vec<Version> = versions::table.load(connection).unwrap();
    let (one, other) = diesel::alias!(versions as one, versions as other);
    let _: i64 = one
        .inner_join(other.on(versions::tar_sha256.on(&one).eq(vec![1u8])))
        .count()
        .get_result(connection)
        .unwrap();
}

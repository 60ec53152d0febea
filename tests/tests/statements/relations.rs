use expand_contract::prelude::*;

use super::each_phase::*;
use super::*;
use ddl::sha;

#[test]
fn inner_joins() {
    with_versions(|conn, _| {
        let joined: Vec<(i32, Version)> = downloads::table
            .inner_join(versions::table)
            .filter(TAR.eq(sha(1)))
            .select((downloads::id, Version::as_select()))
            .load(conn)
            .unwrap();
        assert_eq!(joined.len(), 1);
        assert_eq!(joined[0].1.tar_sha256, sha(1));
        // on the changed column, from either side
        let on: Vec<(i32, Vec<u8>)> = downloads::table
            .inner_join(versions::table.on(TAR.eq(downloads::tar)))
            .select((downloads::id, TAR))
            .load(conn)
            .unwrap();
        assert_eq!(on, [(1, sha(1))]);
        let on: Vec<i32> = downloads::table
            .inner_join(versions::table.on(downloads::tar.eq(TAR)))
            .select(versions::id)
            .load(conn)
            .unwrap();
        assert_eq!(on, [1]);
        let compared: Vec<i32> = downloads::table
            .inner_join(versions::table)
            .filter(downloads::tar.eq(TAR))
            .select(downloads::id)
            .load(conn)
            .unwrap();
        assert_eq!(compared, [1]);
    });
}

#[test]
fn left_joins() {
    with_versions(|conn, _| {
        let joined: Vec<Option<Vec<u8>>> = downloads::table
            .left_join(versions::table)
            .order(downloads::id)
            .select(TAR.nullable())
            .load(conn)
            .unwrap();
        assert_eq!(joined, [Some(sha(1)), None]);
        let joined: Vec<(i32, Option<Version>)> = downloads::table
            .left_join(versions::table)
            .order(downloads::id)
            .select((downloads::id, Option::<Version>::as_select()))
            .load(conn)
            .unwrap();
        assert_eq!(
            joined[0].1.as_ref().map(|v| v.tar_sha256.clone()),
            Some(sha(1))
        );
        assert_eq!(joined[1].1, None);
        let filtered: Vec<i32> = downloads::table
            .left_join(versions::table.on(TAR.eq(downloads::tar)))
            .filter(TAR.nullable().is_null())
            .select(downloads::id)
            .load(conn)
            .unwrap();
        assert_eq!(filtered, [2]);
    });
}

#[test]
fn aliases() {
    with_versions(|conn, _| {
        let (a, b) = diesel::alias!(versions as a, versions as b);
        let one: Vec<Vec<u8>> = a
            .filter(a.field(versions::id).gt(1))
            .order(a.fields(TAR).desc())
            .select(a.fields(TAR))
            .load(conn)
            .unwrap();
        assert_eq!(one, [sha(3), sha(2)]);
        let pairs: Vec<(String, Vec<u8>)> = a
            .inner_join(b.on(a.field(versions::id).eq(b.field(versions::id))))
            .filter(b.fields(TAR).eq(sha(2)))
            .select((a.field(versions::num), b.fields(TAR)))
            .load(conn)
            .unwrap();
        assert_eq!(pairs, [("1.1.0".to_owned(), sha(2))]);
        let table_and_alias: Vec<i32> = versions::table
            .inner_join(a.on(a.fields(TAR).gt(TAR)))
            .filter(versions::id.eq(1))
            .order(a.field(versions::id))
            .select(a.field(versions::id))
            .load(conn)
            .unwrap();
        assert_eq!(table_and_alias, [2, 3]);
        let models: Vec<(i32, String, Vec<u8>)> = a
            .order(a.field(versions::id))
            .select(a.fields((versions::id, versions::num, TAR)))
            .load(conn)
            .unwrap();
        assert_eq!(models[2], (3, "2.0.0".to_owned(), sha(3)));
    });
}

#[test]
fn subselects_in_the_select_clause() {
    with_versions(|conn, _| {
        let values: Vec<Option<Vec<u8>>> = downloads::table
            .order(downloads::id)
            .select(
                versions::table
                    .filter(versions::id.nullable().eq(downloads::version_id))
                    .select(TAR)
                    .single_value(),
            )
            .load(conn)
            .unwrap();
        assert_eq!(values, [Some(sha(1)), None]);
    });
}

use diesel::connection::SimpleConnection;
use diesel::insert_into;
use expand_contract::phase::Phase;
use expand_contract::prelude::*;

use super::each_phase::*;
use super::*;
use ddl::sha;

const NINE: [u8; 32] = [9; 32];
const TWO: [u8; 32] = [2; 32];

#[test]
fn on_an_unchanged_unique_column() {
    with_versions(|conn, _| {
        let known = NewVersion {
            num: "1.0.0",
            tar_sha256: &NINE,
        };
        let new = NewVersion {
            num: "9.0.0",
            tar_sha256: &NINE,
        };
        insert_into(versions::table)
            .values(&known)
            .on_conflict(versions::num)
            .do_nothing()
            .execute(conn)
            .unwrap();
        insert_into(versions::table)
            .values(&known)
            .on_conflict_do_nothing()
            .execute(conn)
            .unwrap();
        assert_eq!(sha_of(conn, "1.0.0"), sha(1));
        for values in [known, new] {
            insert_into(versions::table)
                .values(&values)
                .on_conflict(versions::num)
                .do_update()
                .set(TAR.eq_excluded())
                .execute(conn)
                .unwrap();
            assert_eq!(sha_of(conn, values.num), NINE);
        }
        insert_into(versions::table)
            .values(&known)
            .on_conflict(versions::num)
            .do_update()
            .set((versions::num.eq("1.0.9"), TAR.eq(sha(8))))
            .execute(conn)
            .unwrap();
        assert_eq!(sha_of(conn, "1.0.9"), sha(8));
        let patch = VersionPatch {
            num: Some("1.1.0".into()),
            tar_sha256: Some(sha(7)),
        };
        let got: Version = insert_into(versions::table)
            .values(&patch)
            .on_conflict(versions::num)
            .do_update()
            .set(&patch)
            .returning(Version::as_returning())
            .get_result(conn)
            .unwrap();
        assert_eq!((got.id, got.tar_sha256), (2, sha(7)));
        // not in Diesel for SQLite: a batch with a conflict clause
    });
}

/// The unique index is on the old column through `Switched`, then on the new one.
#[test]
fn on_the_changed_column_itself() {
    with_versions(|conn, phase| {
        let column = match phase {
            Phase::Original | Phase::Expanded | Phase::Switched => "checksum",
            Phase::Retired | Phase::Contracted => "tar_sha256",
        };
        conn.batch_execute(&format!(
            "CREATE UNIQUE INDEX arbiter ON versions ({column})"
        ))
        .unwrap();
        let same = NewVersion {
            num: "2.2.2",
            tar_sha256: &TWO,
        };
        insert_into(versions::table)
            .values(&same)
            .on_conflict(TAR.target().unwrap())
            .do_update()
            .set(versions::num.eq("1.1.1"))
            .execute(conn)
            .unwrap();
        assert_eq!(sha_of(conn, "1.1.1"), TWO);
        insert_into(versions::table)
            .values(&same)
            .on_conflict(TAR.target().unwrap())
            .do_nothing()
            .execute(conn)
            .unwrap();
        assert_eq!(all_versions(conn).len(), 3);
    });
}

#[test]
fn fm06_an_upsert_that_omits_a_value_leaves_both_sides_equal() {
    with_contacts(|conn, _| {
        let omitted = ContactPatch {
            label: Some("ann"),
            ..ContactPatch::default()
        };
        insert_into(contacts::table)
            .values(&omitted)
            .on_conflict(contacts::label)
            .do_update()
            .set(&omitted)
            .execute(conn)
            .unwrap();
        let kept: Option<String> = contacts::table.find(1).select(EMAIL).first(conn).unwrap();
        assert_eq!(kept.as_deref(), Some("ann@example.org"));

        let null = ContactState::default();
        insert_into(contacts::table)
            .values(&omitted)
            .on_conflict(contacts::label)
            .do_update()
            .set(&null)
            .execute(conn)
            .unwrap();
        let gone: (Option<String>, Option<Vec<u8>>) = contacts::table
            .find(1)
            .select((EMAIL, DIGEST))
            .first(conn)
            .unwrap();
        assert_eq!(gone, (None, None));

        let some = ContactPatch {
            label: Some("bob"),
            email: Some("b@c"),
            digest: None,
        };
        insert_into(contacts::table)
            .values(&some)
            .on_conflict(contacts::label)
            .do_update()
            .set((EMAIL.eq_excluded(), DIGEST.eq_excluded()))
            .execute(conn)
            .unwrap();
        let bob: Option<String> = contacts::table.find(2).select(EMAIL).first(conn).unwrap();
        assert_eq!(bob.as_deref(), Some("b@c"));
    });
}

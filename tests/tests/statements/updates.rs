use diesel::{delete, update};
use expand_contract::prelude::*;

use super::each_phase::*;
use super::*;
use ddl::sha;

#[test]
fn records_and_single_columns() {
    with_versions(|conn, _| {
        let mut first: Version = versions::table
            .find(1)
            .select(Version::as_select())
            .first(conn)
            .unwrap();
        assert_eq!(first.tar_sha256, sha(1));

        first.tar_sha256 = sha(11);
        assert_eq!(update(&first).set(&first).execute(conn), Ok(1));
        assert_eq!(sha_of(conn, "1.0.0"), sha(11));
        let owned = first.clone();
        assert_eq!(update(&first).set(owned).execute(conn), Ok(1));

        update(versions::table.find(1))
            .set(TAR.eq(sha(12)))
            .execute(conn)
            .unwrap();
        assert_eq!(sha_of(conn, "1.0.0"), sha(12));
        update(versions::table.find(1))
            .set(TAR.assign(&sha(13)))
            .execute(conn)
            .unwrap();
        assert_eq!(sha_of(conn, "1.0.0"), sha(13));
        update(versions::table.find(1))
            .set((versions::num.eq("1.0.1"), TAR.eq(sha(14))))
            .execute(conn)
            .unwrap();
        assert_eq!(sha_of(conn, "1.0.1"), sha(14));
        // all rows
        update(versions::table)
            .set(TAR.eq(sha(15)))
            .execute(conn)
            .unwrap();
        assert_eq!(sha_of(conn, "2.0.0"), sha(15));
    });
}

#[test]
fn the_value_of_another_column() {
    with_versions(|conn, _| {
        update(versions::table.filter(versions::num.eq("1.0.0")))
            .set(TAR.eq(diesel::dsl::sql::<diesel::sql_types::Binary>(
                match DIALECT {
                    expand_contract::__private::Dialect::Postgres => {
                        "decode(repeat('0f', 32), 'hex')"
                    }
                    _ => {
                        "unhex('0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f')"
                    }
                },
            )))
            .execute(conn)
            .unwrap();
        assert_eq!(sha_of(conn, "1.0.0"), sha(15));
    });
}

#[test]
fn filters_of_an_update_and_a_delete() {
    with_versions(|conn, _| {
        let renamed = update(versions::table.filter(TAR.eq(sha(2))))
            .set(versions::num.eq("1.2.0"))
            .execute(conn);
        assert_eq!(renamed, Ok(1));
        assert_eq!(sha_of(conn, "1.2.0"), sha(2));
        let deleted = delete(versions::table.filter(TAR.eq_any([sha(1), sha(3)]))).execute(conn);
        assert_eq!(deleted, Ok(2));
        assert_eq!(all_versions(conn), [("1.2.0".to_owned(), sha(2))]);
    });
}

#[test]
fn returning() {
    with_versions(|conn, _| {
        let updated: Version = update(versions::table.find(1))
            .set(TAR.eq(sha(9)))
            .returning(Version::as_returning())
            .get_result(conn)
            .unwrap();
        assert_eq!(updated.tar_sha256, sha(9));
        let deleted: Vec<u8> = delete(versions::table.find(2))
            .returning(TAR)
            .get_result(conn)
            .unwrap();
        assert_eq!(deleted, sha(2));
        let saved: Version = Version {
            id: 3,
            num: "3".into(),
            tar_sha256: sha(4),
        };
        let saved: (String, Vec<u8>) = update(&saved)
            .set(&saved)
            .returning((versions::num, TAR))
            .get_result(conn)
            .unwrap();
        assert_eq!(saved, ("3".to_owned(), sha(4)));
    });
}

#[test]
fn changesets_that_leave_columns_out() {
    with_versions(|conn, _| {
        let both = VersionPatch {
            num: Some("1.0.5".into()),
            tar_sha256: Some(sha(5)),
        };
        update(versions::table.find(1))
            .set(&both)
            .execute(conn)
            .unwrap();
        assert_eq!(sha_of(conn, "1.0.5"), sha(5));
        let only_the_other = VersionPatch {
            num: Some("1.0.6".into()),
            tar_sha256: None,
        };
        update(versions::table.find(1))
            .set(only_the_other)
            .execute(conn)
            .unwrap();
        assert_eq!(sha_of(conn, "1.0.6"), sha(5));
        let nothing = VersionPatch {
            num: None,
            tar_sha256: None,
        };
        let error = update(versions::table.find(1)).set(&nothing).execute(conn);
        assert!(
            matches!(error, Err(diesel::result::Error::QueryBuilderError(_))),
            "as in Diesel: {error:?}"
        );
    });
}

type State = (Option<String>, Option<Vec<u8>>);

fn state(conn: &mut Conn, label: &str) -> State {
    contacts::table
        .filter(contacts::label.eq(label))
        .select((EMAIL, DIGEST))
        .first(conn)
        .unwrap()
}

/// `None`, `Some(None)` and `treat_none_as_null` mean the same for both columns; what a changeset leaves out stays in
/// both. (That both columns agree is asserted after every scenario.)
#[test]
fn fm06_absent_and_null_are_the_same_on_both_sides() {
    let ann = || (Some("ann@example.org".to_owned()), Some(vec![10, 11]));
    with_contacts(|conn, _| {
        assert_eq!(state(conn, "ann"), ann());
        assert_eq!(state(conn, "bob"), (None, None));

        let skip = ContactPatch {
            label: Some("ann"),
            ..ContactPatch::default()
        };
        update(contacts::table.find(1))
            .set(&skip)
            .execute(conn)
            .unwrap();
        assert_eq!(state(conn, "ann"), ann());
        let one = ContactPatch {
            digest: Some(&[1]),
            ..ContactPatch::default()
        };
        update(contacts::table.find(1))
            .set(&one)
            .execute(conn)
            .unwrap();
        assert_eq!(state(conn, "ann"), (ann().0, Some(vec![1])));

        let edit = ContactEdit {
            email: Some(None),
            digest: None,
        };
        update(contacts::table.find(1))
            .set(&edit)
            .execute(conn)
            .unwrap();
        assert_eq!(state(conn, "ann"), (None, Some(vec![1])));
        let edit = ContactEdit {
            email: Some(Some("a@b".into())),
            digest: Some(None),
        };
        update(contacts::table.find(1))
            .set(edit)
            .execute(conn)
            .unwrap();
        assert_eq!(state(conn, "ann"), (Some("a@b".into()), None));

        let null = ContactState {
            email: None,
            digest: Some(&[2]),
        };
        update(contacts::table.find(1))
            .set(&null)
            .execute(conn)
            .unwrap();
        assert_eq!(state(conn, "ann"), (None, Some(vec![2])));

        let model = Contact {
            id: 2,
            label: "bob".into(),
            email: Some("bob@example.org".into()),
            digest: None,
        };
        update(&model).set(&model).execute(conn).unwrap();
        assert_eq!(state(conn, "bob"), (model.email.clone(), None));
        update(contacts::table.find(2))
            .set((EMAIL.eq(None::<String>), DIGEST.eq(Some(vec![3u8]))))
            .execute(conn)
            .unwrap();
        assert_eq!(state(conn, "bob"), (None, Some(vec![3])));
    });
}

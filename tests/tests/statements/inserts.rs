use diesel::insert_into;
use expand_contract::prelude::*;

use super::each_phase::*;
use super::*;
use ddl::sha;

const SIX: [u8; 32] = [6; 32];
const SEVEN: [u8; 32] = [7; 32];
const SIXTH: NewVersion<'static> = NewVersion {
    num: "6.0.0",
    tar_sha256: &SIX,
};
const SEVENTH: NewVersion<'static> = NewVersion {
    num: "7.0.0",
    tar_sha256: &SEVEN,
};

#[track_caller]
fn assert_inserted(conn: &mut Conn, count: usize, inserted: QueryResult<usize>) {
    match count {
        // for an empty batch Diesel reports on SQLite what the statement before it did
        0 => assert!(inserted.is_ok()),
        _ => {
            assert_eq!(inserted, Ok(count));
            assert_eq!(sha_of(conn, "6.0.0"), SIX);
        }
    }
    if count > 1 {
        assert_eq!(sha_of(conn, "7.0.0"), SEVEN);
    }
    let deleted = diesel::delete(versions::table.filter(versions::num.ge("6"))).execute(conn);
    assert_eq!(deleted, Ok(count));
}

macro_rules! inserts {
    ($conn:ident: $($count:literal <- $values:expr;)+) => {$(
        let inserted = insert_into(versions::table).values($values).execute($conn);
        assert_inserted($conn, $count, inserted);
    )+};
}

#[test]
fn records_one_by_one_and_in_batches() {
    with_versions(|conn, _| {
        let vec = vec![SIXTH, SEVENTH];
        inserts! { conn:
            1 <- &SIXTH;
            1 <- SIXTH;
            2 <- &vec;
            2 <- &vec[..];
            2 <- vec.clone();
            2 <- [SIXTH, SEVENTH];
            2 <- &[SIXTH, SEVENTH];
            1 <- [SIXTH];
            1 <- &[SIXTH];
            2 <- Box::new([SIXTH, SEVENTH]);
            0 <- &vec[..0];
            0 <- Vec::<NewVersion<'_>>::new();
        }
    });
}

#[test]
fn tuples_one_by_one_and_in_batches() {
    with_versions(|conn, _| {
        let sixth = (versions::num.eq("6.0.0"), TAR.eq(sha(6)));
        let seventh = (versions::num.eq("7.0.0"), TAR.eq(sha(7)));
        let vec = vec![sixth.clone(), seventh.clone()];
        inserts! { conn:
            1 <- sixth.clone();
            1 <- &sixth;
            1 <- (TAR.eq(&SIX[..]), versions::num.eq("6.0.0"));
            1 <- ((TAR.eq(&SIX),), (versions::num.eq("6.0.0"),));
            1 <- (SIXTH,);
            2 <- &vec;
            2 <- vec.clone();
            2 <- [sixth.clone(), seventh.clone()];
            1 <- [sixth.clone()];
            0 <- &vec[..0];
        }
    });
}

#[test]
fn a_whole_model_and_a_value_by_expression() {
    with_versions(|conn, _| {
        let mut model = Version {
            id: 60,
            num: "6.0.0".into(),
            tar_sha256: sha(6),
        };
        inserts! { conn:
            1 <- &model;
            1 <- model.clone();
        }
        model.id = 61;
        let patch = VersionPatch {
            num: Some(model.num),
            tar_sha256: Some(model.tar_sha256),
        };
        inserts! { conn:
            1 <- &patch;
            1 <- vec![patch.clone()];
        }
    });
}

/// On the table form's path, as on any column, `Option` values and expressions are given as they are.
#[test]
fn optional_values() {
    with_contacts(|conn, _| {
        let given = ContactPatch {
            label: Some("eve"),
            email: Some("eve@example.org"),
            digest: Some(&[14]),
        };
        let left_out = ContactPatch {
            label: Some("joe"),
            ..ContactPatch::default()
        };
        insert_into(contacts::table)
            .values(&vec![given, left_out])
            .execute(conn)
            .unwrap();
        insert_into(contacts::table)
            .values((
                contacts::label.eq("mia"),
                EMAIL.eq(None::<&str>),
                DIGEST.eq(Some(vec![12u8])),
            ))
            .execute(conn)
            .unwrap();
        insert_into(contacts::table)
            .values(&Contact {
                id: 70,
                label: "zoe".into(),
                email: None,
                digest: Some(vec![13]),
            })
            .execute(conn)
            .unwrap();
        let found: Vec<(String, Option<String>, Option<Vec<u8>>)> = contacts::table
            .filter(contacts::label.gt("bob"))
            .order(contacts::label)
            .select((contacts::label, EMAIL, DIGEST))
            .load(conn)
            .unwrap();
        let mail = |text: &str| Some(text.to_owned());
        assert_eq!(
            found,
            [
                ("eve".to_owned(), mail("eve@example.org"), Some(vec![14])),
                ("joe".to_owned(), None, None),
                ("mia".to_owned(), None, Some(vec![12])),
                ("zoe".to_owned(), None, Some(vec![13])),
            ]
        );
    });
}

#[test]
fn returning() {
    with_versions(|conn, _| {
        let one: Version = insert_into(versions::table)
            .values(&SIXTH)
            .returning(Version::as_returning())
            .get_result(conn)
            .unwrap();
        assert_eq!(one.tar_sha256, SIX);
        let several: Vec<(String, Vec<u8>)> = insert_into(versions::table)
            .values(&[
                NewVersion { num: "8", ..SIXTH },
                NewVersion {
                    num: "9",
                    ..SEVENTH
                },
            ])
            .returning((versions::num, TAR))
            .get_results(conn)
            .unwrap();
        assert_eq!(
            several,
            [("8".to_owned(), sha(6)), ("9".to_owned(), sha(7))]
        );
    });
}

//! What is not done again, and how often the rest is.

/// An application's own error.
#[derive(Debug, PartialEq)]
pub enum Wrong {
    Password,
    Database(diesel::result::Error),
}

impl From<diesel::result::Error> for Wrong {
    fn from(error: diesel::result::Error) -> Self {
        Wrong::Database(error)
    }
}

on_both! {
    an_error_that_is_not_the_phase_s_is_returned_once(database, D) {
        use super::super::Wrong;
        use diesel::result::DatabaseErrorKind::UniqueViolation;
        let conn = &mut database.connect();
        D::run(conn, DDL);
        advance::<versions::table, _>(conn, Step::Switch);
        let mut attempts = 0;
        let answer: Result<(), Wrong> = phase::transaction::<versions::table, _, _, _>(conn, |_| {
            attempts += 1;
            Err(Wrong::Password)
        });
        assert_eq!((answer, attempts), (Err(Wrong::Password), 1));

        // nor the database's
        for _ in 0..2 {
            attempts = 0;
            let answer = phase::retry::<versions::table, _, _, _>(conn, |conn| {
                attempts += 1;
                diesel::insert_into(versions::table).values(&version(1)).execute(conn)
            });
            let unique = matches!(answer, Err(DieselError::DatabaseError(UniqueViolation, _)));
            assert!(unique && attempts == 1, "{answer:?} after {attempts}");
        }
    }

    any_error_is_looked_at_when_the_phase_has_moved(database, D) {
        use super::super::Wrong;
        let conn = &mut database.connect();
        D::run(conn, DDL);
        advance::<versions::table, _>(conn, Step::Expand);
        let stale = Version::migration().snapshot(conn).unwrap();
        advance::<versions::table, _>(conn, Step::Switch);
        stale.make_process_wide();
        let mut attempts = 0;
        let answer = phase::transaction::<versions::table, _, _, _>(conn, |_| {
            attempts += 1;
            // a decision made on what an earlier phase reads
            match attempts {
                1 => Err(Wrong::Password),
                _ => Ok(()),
            }
        });
        assert_eq!((answer, attempts), (Ok(()), 2));
    }

    attempts_are_bounded(database, D) {
        let (conn, operator) = (&mut database.connect(), &mut database.connect());
        D::run(conn, DDL);
        advance::<versions::table, _>(operator, Step::Switch);
        Version::migration().load(conn).unwrap();
        let (mut attempts, mut switched) = (0, true);
        // without a transaction, for which `switch` would wait
        let answer: QueryResult<()> = phase::retry::<versions::table, _, _, _>(conn, |_| {
            attempts += 1;
            if switched {
                Version::migration().options(at_once()).rollback(operator).unwrap();
            } else {
                advance::<versions::table, _>(operator, Step::Switch);
            }
            switched = !switched;
            Err(DieselError::NotFound)
        });
        assert_eq!((answer, attempts), (Err(DieselError::NotFound), 6));
    }
}

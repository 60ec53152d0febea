//! Several databases, several migrations.

on_both! {
    a_scope_is_followed_and_the_process_left_alone(database, D) {
        let (mine, other) = (D::fresh(), database);
        let (mine, other) = (&mut mine.connect(), &mut other.connect());
        D::run(mine, DDL);
        D::run(other, DDL);
        advance::<versions::table, _>(other, Step::Switch);
        let stale = Version::migration().snapshot(other).unwrap();
        advance::<versions::table, _>(other, Step::Contract);
        // the process works with a database in which nothing has begun
        Version::migration().load(mine).unwrap();
        let mut attempts = 0;
        let found: QueryResult<Vec<i32>> = stale.scope(|| {
            phase::transaction::<versions::table, _, _, _>(other, |conn| {
                attempts += 1;
                work!(conn, 2)
            })
        });
        assert_eq!((found, attempts), (Ok(vec![1, 2]), 2));
        assert!(name_in_force().contains("checksum"));
        let found: QueryResult<Vec<i32>> = (|| work!(&mut *mine, 2))();
        assert_eq!(found, Ok(vec![1, 2]));
    }

    // A copy from before stands for a replica that lags.
    a_lagging_replica_does_not_take_the_process_back(database, D) {
        {
            let conn = &mut database.connect();
            D::run(conn, DDL);
            advance::<versions::table, _>(conn, Step::Expand);
            Version::migration().options(at_once()).rollback(conn).unwrap();
        }
        let replica = database.copy();
        let (primary, replica) = (&mut database.connect(), &mut replica.connect());
        for step in [Step::Switch, Step::Contract] {
            advance::<versions::table, _>(primary, step);
            let mut attempts = 0;
            let found: QueryResult<Vec<i32>> = phase::retry::<versions::table, _, _, _>(replica, |conn| {
                attempts += 1;
                versions::table.select(versions::id).filter(Version::tar_sha256.eq(vec![1])).load(conn)
            });
            assert_eq!((found, attempts), (Ok(vec![1]), 2));
            assert_eq!(name_in_force(), "\"tar_sha256\"");
        }
    }
}

mod a_tuple_of_migrations {
    mod other {
        use expand_contract::prelude::*;
        diesel::table! {
            accounts (id) {
                id -> Integer,
                contact -> Text,
            }
        }
        #[derive(Debug, Queryable, Selectable, Insertable, AsChangeset, Migrate)]
        #[diesel(table_name = accounts)]
        pub struct Account {
            pub id: i32,
            #[migrate(rename_from = "email")]
            pub contact: String,
        }
    }
    crate::model!();
    use other::{accounts, Account};

    #[test]
    fn on_postgres() {
        let database = Postgres::fresh();
        let conn = &mut database.connect();
        Postgres::run(conn, DDL);
        Postgres::run(
            conn,
            "CREATE TABLE accounts (id integer PRIMARY KEY, email text NOT NULL)",
        );
        Version::migration().load(conn).unwrap();
        advance::<accounts::table, _>(conn, Step::Expand);
        let stale = Account::migration().snapshot(conn).unwrap();
        advance::<accounts::table, _>(conn, Step::Contract);
        stale.make_process_wide();
        let mut attempts = 0;
        let found: QueryResult<Vec<i32>> =
            phase::transaction::<(versions::table, accounts::table), _, _, _>(conn, |conn| {
                attempts += 1;
                let account = Account {
                    id: 1,
                    contact: "a".into(),
                };
                diesel::insert_into(accounts::table)
                    .values(&account)
                    .execute(conn)?;
                work!(conn, 2)
            });
        assert_eq!((found, attempts), (Ok(vec![1, 2]), 2));
    }
}

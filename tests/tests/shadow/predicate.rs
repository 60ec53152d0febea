//! What is a difference, and when.

on_both! {
    only_while_both_columns_are_written(database, D) {
        let conn = &mut database.connect();
        D::run(conn, DDL);
        Version::migration().load(conn).unwrap();
        assert_eq!(differing!(conn), Ok(0));
        advance::<versions::table, _>(conn, Step::Expand);
        // rows that are not copied yet
        assert_eq!(differing!(conn), Ok(0));
        D::behind_the_triggers(conn, stale::<D>());
        assert_eq!(differing!(conn), Ok(1));
        let keys = versions::table
            .filter(Version::tar_sha256.differs())
            .select(versions::id)
            .load::<i32>(conn);
        assert_eq!(keys, Ok(vec![2]));
        advance::<versions::table, _>(conn, Step::Switch);
        assert_eq!(differing!(conn), Ok(0));
        D::behind_the_triggers(conn, "UPDATE versions SET tar_sha256 = NULL WHERE id = 3");
        // what is missing now was lost
        assert_eq!(differing!(conn), Ok(1));
        D::run(conn, "UPDATE versions SET checksum = '33' WHERE id = 3");
        assert_eq!(differing!(conn), Ok(0));
        advance::<versions::table, _>(conn, Step::Retire);
        D::behind_the_triggers(conn, stale::<D>());
        assert_eq!(differing!(conn), Ok(0));
        advance::<versions::table, _>(conn, Step::Contract);
        assert_eq!(differing!(conn), Ok(0));
    }

    in_any_query(database, D) {
        let conn = &mut database.connect();
        D::run(conn, DDL);
        advance::<versions::table, _>(conn, Step::Switch);
        D::behind_the_triggers(conn, stale::<D>());
        let other = diesel::alias!(versions as other);
        let found = other
            .filter(Version::tar_sha256.on(&other).differs().and(other.field(versions::id).gt(1)))
            .select(other.field(versions::id))
            .load::<i32>(conn);
        assert_eq!(found, Ok(vec![2]));
        let found = versions::table
            .filter(diesel::dsl::not(Version::tar_sha256.differs()))
            .order(versions::id)
            .select((versions::id, Version::tar_sha256.differs()))
            .load::<(i32, bool)>(conn);
        assert_eq!(found, Ok(vec![(1, false), (3, false)]));
    }
}

/// Types whose `=` does not tell all values apart, under the same predicate as the triggers.
mod to_the_last_bit {
    crate::model!();

    diesel::table! {
        measures (id) {
            id -> Integer,
            label -> Text,
            value -> Double,
        }
    }

    #[derive(Debug, Queryable, Selectable, Insertable, AsChangeset, Migrate)]
    #[diesel(table_name = measures)]
    pub struct Measure {
        pub id: i32,
        #[migrate(rename_from = "name")]
        pub label: String,
        #[migrate(rename_from = "amount")]
        pub value: f64,
    }

    #[test]
    fn on_postgres() {
        let database = Postgres::fresh();
        let conn = &mut database.connect();
        Postgres::create_collation_without_case(conn, "lax");
        Postgres::run(
            conn,
            "CREATE TABLE measures (id integer PRIMARY KEY, name text COLLATE lax NOT NULL, amount float8 NOT NULL); \
             INSERT INTO measures VALUES (1, 'a', 0), (2, 'b', 'NaN')",
        );
        advance::<measures::table, _>(conn, Step::Switch);
        let differing = |conn: &mut PgConnection| {
            measures::table
                .filter(Measure::label.differs().or(Measure::value.differs()))
                .select(measures::id)
                .load::<i32>(conn)
        };
        assert_eq!(differing(conn), Ok(vec![]));
        for change in ["label = 'B'", "value = '-0'"] {
            let sql = format!("UPDATE measures SET {change} WHERE id = 1");
            Postgres::behind_the_triggers(conn, &sql);
            assert_eq!(differing(conn), Ok(vec![1]), "{change}");
            Postgres::behind_the_triggers(
                conn,
                "UPDATE measures SET label = name, value = amount WHERE id = 1",
            );
        }
    }
}

/// A retype that keeps its name has two passes, and other columns in each.
mod in_both_passes {
    crate::model!();

    diesel::table! {
        accounts (region, id) {
            region -> Text,
            id -> Integer,
            balance -> BigInt,
        }
    }

    #[derive(Debug, Queryable, Selectable, Insertable, AsChangeset, Migrate)]
    #[diesel(table_name = accounts, primary_key(region, id))]
    pub struct Account {
        pub region: String,
        pub id: i32,
        #[migrate(retype_from = Integer, up = "CAST(balance AS BIGINT)", down = "CAST(balance AS INTEGER)", lossless)]
        pub balance: i64,
    }

    #[test]
    fn on_postgres() {
        let database = Postgres::fresh();
        let conn = &mut database.connect();
        Postgres::run(
            conn,
            "CREATE TABLE accounts (region text, id integer, balance integer NOT NULL, PRIMARY KEY (region, id)); \
             INSERT INTO accounts VALUES ('eu', 1, 10), ('us', 2, 20)",
        );
        let wrong = ["balance = 7", "balance = 9"];
        for (pass, wrong) in wrong.into_iter().enumerate() {
            advance::<accounts::table, _>(conn, Step::Switch);
            let _ = Account::migration().shadow_reads(Sampling::every(1));
            AccountRepository::list(conn, None, 10).unwrap();
            assert_eq!(shadow::counts::<accounts::table>().mismatches, 0);
            let sql = format!("UPDATE accounts SET {wrong} WHERE id = 2");
            Postgres::behind_the_triggers(conn, &sql);
            AccountRepository::list(conn, None, 10).unwrap();
            let counts = shadow::counts::<accounts::table>();
            assert_eq!((counts.samples, counts.mismatches), (4, 1), "{pass}");
            assert_eq!(counts.key.as_deref(), Some("(us, 2)"));
            shadow::report::<accounts::table, _>(conn).unwrap();
            Postgres::run(
                conn,
                "UPDATE accounts SET balance = balance + 1 WHERE id = 2",
            );
            advance::<accounts::table, _>(conn, Step::Contract);
        }
    }
}

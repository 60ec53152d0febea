//! Inside an open transaction.

on_both! {
    a_savepoint_is_enough_for_a_first_statement_on_the_table(database, D) {
        let conn = &mut database.connect();
        D::run(conn, DDL);
        advance::<versions::table, _>(conn, Step::Switch);
        let stale = Version::migration().snapshot(conn).unwrap();
        advance::<versions::table, _>(conn, Step::Contract);
        for single in [false, true] {
            stale.make_process_wide();
            let id = if single { 3 } else { 2 };
            let mut attempts = 0;
            let found: QueryResult<Vec<i32>> = conn.transaction(|conn| {
                diesel::insert_into(notes::table).values(notes::id.eq(id)).execute(conn)?;
                if single {
                    phase::retry::<versions::table, _, _, _>(conn, |conn| {
                        attempts += 1;
                        work!(conn, id)
                    })
                } else {
                    phase::transaction::<versions::table, _, _, _>(conn, |conn| {
                        attempts += 1;
                        work!(conn, id)
                    })
                }
            });
            assert_eq!((found, attempts), (Ok(vec![1, id]), 2));
        }
        // what the transaction did before is not lost
        assert_eq!(notes::table.select(notes::id).order(notes::id).load::<i32>(conn), Ok(vec![2, 3]));
    }
}

mod a_snapshot_of_the_past_is_for_the_outermost_transaction {
    crate::model!();

    #[test]
    fn on_postgres() {
        let database = Postgres::fresh();
        let (conn, operator) = (&mut database.connect(), &mut database.connect());
        Postgres::run(conn, DDL);
        advance::<versions::table, _>(operator, Step::Switch);
        let stale = Version::migration().snapshot(conn).unwrap();
        let (mut outer, mut inner) = (0, 0);
        let found: QueryResult<Vec<i32>> =
            phase::transaction::<versions::table, _, _, _>(conn, |conn| {
                outer += 1;
                diesel::sql_query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                    .execute(conn)?;
                notes::table.count().get_result::<i64>(conn)?;
                if outer == 1 {
                    advance::<versions::table, _>(operator, Step::Contract);
                    stale.make_process_wide();
                }
                phase::transaction::<versions::table, _, _, _>(conn, |conn| {
                    inner += 1;
                    work!(conn, 2)
                })
            });
        assert_eq!(found, Ok(vec![1, 2]));
        assert_eq!((outer, inner), (2, 2));
    }
}

//! Conversions that only Rust knows are compared in Rust.

macro_rules! by_rust {
    ($test:ident, $D:ident) => {
        mod $test {
            crate::model!();

            diesel::table! {
                sizes (id) {
                    id -> Integer,
                    bytes -> Nullable<BigInt>,
                }
            }

            fn parse(old: String) -> Result<i64, std::num::ParseIntError> {
                old.trim_end_matches('B').parse()
            }

            fn print(new: i64) -> Result<String, std::convert::Infallible> {
                Ok(format!("{new}B"))
            }

            #[derive(Debug, Clone, PartialEq, expand_contract::Queryable, Selectable, Insertable, AsChangeset, Migrate)]
            #[diesel(table_name = sizes)]
            pub struct Size {
                pub id: i32,
                #[migrate(rename_from = "size", retype_from = Nullable<Text>, old_type = String, up_with = parse, down_with = print)]
                pub bytes: Option<i64>,
            }

            #[test]
            fn is_compared_in_rust() {
                let database = $D::fresh();
                let conn = &mut database.connect();
                $D::run(
                    conn,
                    "CREATE TABLE sizes (id INTEGER PRIMARY KEY, size TEXT); \
                     INSERT INTO sizes VALUES (1, '10B'), (2, '20B'), (3, NULL)",
                );
                advance::<sizes::table, _>(conn, Step::Expand);
                let _ = Size::migration().shadow_reads(Sampling::every(1));
                let counts = || {
                    let counts = shadow::counts::<sizes::table>();
                    assert_eq!(counts.last_failure, None);
                    (counts.samples, counts.mismatches, counts.key)
                };
                // not copied yet, but for the NULL
                SizeRepository::list(conn, None, 10).unwrap();
                assert_eq!(counts(), (1, 0, None));
                advance::<sizes::table, _>(conn, Step::Verify);
                SizeRepository::list(conn, None, 10).unwrap();
                assert_eq!(counts(), (4, 0, None));
                $D::behind_the_triggers(conn, "UPDATE sizes SET bytes = 21 WHERE id = 2");
                SizeRepository::find(conn, &1).unwrap();
                assert_eq!(counts(), (5, 0, None));
                SizeRepository::find(conn, &2).unwrap();
                assert_eq!(counts(), (6, 1, Some("2".to_owned())));

                // while a row waits to be converted, nobody can tell
                let queue = if $D::POSTGRES { "expand_contract.queue" } else { "expand_contract_queue" };
                let id = Size::migration().status(conn).unwrap().migration;
                $D::run(
                    conn,
                    &format!("INSERT INTO {queue} (id, generation, change, side, row_key) VALUES ('{id}', 1, 0, 'old', '2')"),
                );
                SizeRepository::list(conn, None, 10).unwrap();
                assert_eq!(counts(), (6, 1, Some("2".to_owned())));
            }
        }
    };
}

by_rust!(on_sqlite, Lite);
by_rust!(on_postgres, Postgres);

use super::*;

diesel::table! {
    wide (id) {
        id -> Integer,
        c02 -> Integer,
        c03 -> Integer,
        c04 -> Integer,
        c05 -> Integer,
        c06 -> Integer,
        c07 -> Integer,
        c08 -> Integer,
        c09 -> Integer,
        c10 -> Integer,
        c11 -> Integer,
        c12 -> Integer,
        c13 -> Integer,
        c14 -> Integer,
        c15 -> Integer,
        c16 -> Integer,
        c17 -> Integer,
        c18 -> Integer,
        c19 -> Integer,
        c20 -> Integer,
        c21 -> Integer,
        c22 -> Integer,
        c23 -> Integer,
        c24 -> Integer,
        c25 -> Integer,
        c26 -> Integer,
        c27 -> Integer,
        c28 -> Integer,
        c29 -> Integer,
        c30 -> Integer,
        c31 -> Integer,
        c32 -> Integer,
    }
}

#[derive(
    Queryable,
    Selectable,
    Identifiable,
    Insertable,
    AsChangeset,
    Migrate,
    Debug,
    PartialEq,
    Clone,
    Default,
)]
#[diesel(table_name = wide)]
struct Wide {
    id: i32,
    #[migrate(rename_from = "d02")]
    c02: i32,
    c03: i32,
    c04: i32,
    c05: i32,
    c06: i32,
    c07: i32,
    c08: i32,
    c09: i32,
    c10: i32,
    c11: i32,
    c12: i32,
    c13: i32,
    c14: i32,
    c15: i32,
    c16: i32,
    c17: i32,
    c18: i32,
    c19: i32,
    c20: i32,
    c21: i32,
    c22: i32,
    c23: i32,
    c24: i32,
    c25: i32,
    c26: i32,
    c27: i32,
    c28: i32,
    c29: i32,
    c30: i32,
    c31: i32,
    #[migrate(rename_from = "d32", retype_from = Text, up = "CAST(d32 AS INTEGER)", down = "CAST(c32 AS TEXT)")]
    c32: i32,
}

#[test]
fn thirty_two_columns() {
    let create = |phase| {
        let mut columns = vec![
            phases::columns(phase, "d02 INTEGER", "c02 INTEGER"),
            phases::columns(phase, "d32 TEXT", "c32 INTEGER"),
        ];
        columns.extend((3..32).map(|i| format!("c{i:02} INTEGER")));
        format!(
            "CREATE TABLE wide (id INTEGER PRIMARY KEY, {})",
            columns.join(", ")
        )
    };
    phases::each::<wide::table>(create, |phase, connection| {
        let row = Wide {
            id: 1,
            c02: 2,
            c32: 32,
            c17: 17,
            ..Wide::default()
        };
        diesel::insert_into(wide::table)
            .values(&row)
            .execute(connection)
            .expect("inserts");
        let row = Wide {
            c02: 3,
            c32: 33,
            ..row
        };
        diesel::update(&row)
            .set(&row)
            .execute(connection)
            .expect("updates");
        let found = wide::table
            .filter(Wide::c32.eq(33))
            .select(Wide::as_select())
            .load(connection);
        assert_eq!(found, Ok(vec![row]), "{phase}");
    });
}

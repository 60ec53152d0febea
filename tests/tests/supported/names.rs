use super::*;

diesel::table! {
    other.things (id) {
        id -> Integer,
        weight -> Integer,
    }
}

#[derive(
    Queryable, Selectable, Identifiable, Insertable, AsChangeset, Migrate, Debug, PartialEq,
)]
#[diesel(table_name = things)]
struct Thing {
    id: i32,
    #[migrate(rename_from = "mass")]
    weight: i32,
}

#[test]
fn another_schema() {
    let create = |phase| {
        let weight = phases::columns(phase, "mass INTEGER", "weight INTEGER");
        format!(
            "ATTACH ':memory:' AS other;
             CREATE TABLE other.things (id INTEGER PRIMARY KEY, {weight})"
        )
    };
    phases::each::<things::table>(create, |phase, connection| {
        let thing = |weight| Thing { id: 1, weight };
        diesel::insert_into(things::table)
            .values(&thing(1))
            .execute(connection)
            .expect("inserts");
        diesel::update(&thing(1))
            .set(&thing(2))
            .execute(connection)
            .expect("updates");
        let found = things::table
            .filter(Thing::weight.eq(2))
            .select(Thing::as_select())
            .load(connection);
        assert_eq!(found, Ok(vec![thing(2)]), "{phase}");
    });
}

diesel::table! {
    #[sql_name = "Odd Names"]
    odd (id) {
        id -> Integer,
        r#type -> Text,
        #[sql_name = "the size"]
        size -> Integer,
    }
}

#[derive(
    Queryable, Selectable, Identifiable, Insertable, AsChangeset, Migrate, Debug, PartialEq,
)]
#[diesel(table_name = odd)]
struct Odd {
    id: i32,
    #[migrate(rename_from = "kind")]
    r#type: String,
    #[migrate(rename_from = "select", retype_from = Text,
              up = "CAST(\"select\" AS INTEGER)", down = "CAST(size AS TEXT)", lossless)]
    size: i32,
}

#[test]
fn keywords_and_sql_names() {
    let create = |phase| {
        let kind = phases::columns(phase, "kind TEXT", "\"type\" TEXT");
        let size = phases::columns(phase, "\"select\" TEXT", "\"the size\" INTEGER");
        format!("CREATE TABLE \"Odd Names\" (id INTEGER PRIMARY KEY, {kind}, {size})")
    };
    phases::each::<odd::table>(create, |phase, connection| {
        let odd = |r#type: &str, size| Odd {
            id: 1,
            r#type: r#type.to_owned(),
            size,
        };
        diesel::insert_into(odd::table)
            .values(&odd("a", 1))
            .execute(connection)
            .expect("inserts");
        diesel::update(&odd("a", 1))
            .set(&odd("b", 2))
            .execute(connection)
            .expect("updates");
        let found = odd::table
            .filter(Odd::r#type.eq("b").and(Odd::size.eq(2)))
            .select(Odd::as_select())
            .load(connection);
        assert_eq!(found, Ok(vec![odd("b", 2)]), "{phase}");
    });
}

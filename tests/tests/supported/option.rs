use super::*;

#[derive(Insertable)]
#[diesel(table_name = table_of_items)]
struct Defaulting<'a> {
    title: Option<&'a str>,
    size: Option<i32>,
}

#[derive(Insertable)]
#[diesel(table_name = table_of_items, treat_none_as_default_value = false)]
struct Nulling {
    title: Option<String>,
    #[diesel(treat_none_as_default_value = true)]
    size: Option<i32>,
}

#[derive(AsChangeset)]
#[diesel(table_name = table_of_items)]
struct Leaving<'a> {
    title: Option<&'a str>,
    size: Option<i32>,
}

#[derive(AsChangeset)]
#[diesel(table_name = table_of_items, treat_none_as_null = true)]
struct Clearing {
    title: Option<String>,
    #[diesel(treat_none_as_null = false)]
    size: Option<i32>,
}

#[derive(AsChangeset)]
#[diesel(table_name = table_of_items)]
struct ByNesting {
    title: Option<Option<String>>,
}

#[test]
fn none_inserts_the_default() {
    items::with(|phase, connection| {
        let none = Defaulting {
            title: None,
            size: None,
        };
        let both = Defaulting {
            title: Some("x"),
            size: Some(7),
        };
        diesel::insert_into(table_of_items::table)
            .values(&none)
            .execute(connection)
            .expect("inserts");
        diesel::insert_into(table_of_items::table)
            .values(vec![both, none])
            .execute(connection)
            .expect("inserts");
        let expected = [
            Some("one"),
            None,
            Some("untitled"),
            Some("x"),
            Some("untitled"),
        ];
        assert_eq!(titles(connection), some(&expected), "{phase}");
        let sizes = table_of_items::table
            .select(Item::size)
            .order(table_of_items::id)
            .load::<i32>(connection);
        assert_eq!(sizes, Ok(vec![10, 20, 1, 7, 1]), "{phase}");
    });
}

#[test]
fn none_inserts_null() {
    items::with(|phase, connection| {
        let none = Nulling {
            title: None,
            size: None,
        };
        diesel::insert_into(table_of_items::table)
            .values(&none)
            .execute(connection)
            .expect("inserts");
        assert_eq!(
            titles(connection),
            some(&[Some("one"), None, None]),
            "{phase}"
        );
        let size = table_of_items::table
            .find(3)
            .select(Item::size)
            .first(connection);
        assert_eq!(size, Ok(1), "{phase}");
    });
}

#[test]
fn none_changes_nothing() {
    items::with(|phase, connection| {
        let change = Leaving {
            title: None,
            size: Some(11),
        };
        diesel::update(table_of_items::table.find(1))
            .set(&change)
            .execute(connection)
            .expect("updates");
        assert_eq!(titles(connection), some(&[Some("one"), None]), "{phase}");
        let size = table_of_items::table
            .find(1)
            .select(Item::size)
            .first(connection);
        assert_eq!(size, Ok(11), "{phase}");
    });
}

#[test]
fn none_becomes_null() {
    items::with(|phase, connection| {
        let change = Clearing {
            title: None,
            size: None,
        };
        diesel::update(table_of_items::table.find(1))
            .set(&change)
            .execute(connection)
            .expect("updates");
        assert_eq!(titles(connection), some(&[None, None]), "{phase}");
        let size = table_of_items::table
            .find(1)
            .select(Item::size)
            .first(connection);
        assert_eq!(size, Ok(10), "{phase}");
    });
}

#[test]
fn some_none_becomes_null() {
    items::with(|phase, connection| {
        let error = diesel::update(table_of_items::table.find(1))
            .set(&ByNesting { title: None })
            .execute(connection);
        assert!(
            matches!(error, Err(diesel::result::Error::QueryBuilderError(_))),
            "{phase}"
        );
        diesel::update(table_of_items::table.find(1))
            .set(&ByNesting { title: Some(None) })
            .execute(connection)
            .expect("updates");
        assert_eq!(titles(connection), some(&[None, None]), "{phase}");
    });
}

use super::*;

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = table_of_items)]
struct Borrowed<'title, 'size> {
    title: &'title str,
    size: &'size i32,
}

#[derive(Insertable, AsChangeset, Queryable, Selectable)]
#[diesel(table_name = table_of_items)]
struct Generic<T, const N: usize = 1> {
    title: T,
    size: i32,
}

#[derive(Insertable)]
#[diesel(table_name = table_of_items)]
struct Bounded<T>
where
    T: Clone,
{
    title: Option<T>,
}

#[test]
fn lifetimes() {
    items::with(|phase, connection| {
        let title = String::from("three");
        let new = Borrowed {
            title: &title,
            size: &3,
        };
        diesel::insert_into(table_of_items::table)
            .values(&new)
            .execute(connection)
            .expect("inserts");
        diesel::update(table_of_items::table.find(2))
            .set(&new)
            .execute(connection)
            .expect("updates");
        let expected = [Some("one"), Some("three"), Some("three")];
        assert_eq!(titles(connection), some(&expected), "{phase}");
    });
}

#[test]
fn types_and_constants() {
    items::with(|phase, connection| {
        diesel::insert_into(table_of_items::table)
            .values(Generic::<_> {
                title: "borrowed",
                size: 1,
            })
            .execute(connection)
            .expect("inserts");
        diesel::insert_into(table_of_items::table)
            .values(&Generic::<_> {
                title: "owned".to_owned(),
                size: 1,
            })
            .execute(connection)
            .expect("inserts");
        diesel::insert_into(table_of_items::table)
            .values(&Bounded {
                title: Some("bounded"),
            })
            .execute(connection)
            .expect("inserts");
        diesel::update(table_of_items::table.find(2))
            .set(Generic::<_> {
                title: "set",
                size: 1,
            })
            .execute(connection)
            .expect("updates");
        let expected = ["one", "set", "borrowed", "owned", "bounded"].map(Some);
        assert_eq!(titles(connection), some(&expected), "{phase}");
        let found: Generic<Option<String>> = table_of_items::table
            .select(Generic::as_select())
            .first(connection)
            .expect("selects");
        assert_eq!(
            (found.title.as_deref(), found.size),
            (Some("one"), 10),
            "{phase}"
        );
    });
}

use super::*;

diesel::table! {
    drafts (id) {
        id -> Integer,
        title -> Nullable<Text>,
    }
}

#[derive(Insertable)]
#[diesel(table_name = drafts)]
#[diesel(table_name = table_of_items)]
struct Titled<'a> {
    title: Option<&'a str>,
}

#[test]
fn of_an_insert_struct() {
    let create = |phase| {
        let items = items::create(phase);
        format!("{items}; CREATE TABLE drafts (id INTEGER PRIMARY KEY, title TEXT)")
    };
    phases::each::<table_of_items::table>(create, |phase, connection| {
        let new = Titled {
            title: Some("both"),
        };
        diesel::insert_into(table_of_items::table)
            .values(&new)
            .execute(connection)
            .expect("inserts");
        diesel::insert_into(drafts::table)
            .values(&new)
            .execute(connection)
            .expect("inserts");
        assert_eq!(titles(connection), some(&[Some("both")]), "{phase}");
        let draft = drafts::table.select(drafts::title).first(connection);
        assert_eq!(draft, Ok(Some("both".to_owned())), "{phase}");
    });
}

use super::*;

struct Upper(String);

impl From<Upper> for Option<String> {
    fn from(Upper(text): Upper) -> Self {
        Some(text.to_uppercase())
    }
}

impl From<Upper> for String {
    fn from(Upper(text): Upper) -> Self {
        text.to_uppercase()
    }
}

#[derive(Debug, PartialEq)]
struct Lower(Option<String>);

impl From<Option<String>> for Lower {
    fn from(text: Option<String>) -> Self {
        Lower(text.map(|text| text.to_lowercase()))
    }
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = table_of_items)]
struct Written {
    #[diesel(serialize_as = String)]
    title: Upper,
    size: i32,
}

#[derive(expand_contract::Queryable, Selectable, Debug, PartialEq)]
#[diesel(table_name = table_of_items)]
struct Read {
    #[diesel(deserialize_as = Option<String>)]
    title: Lower,
    size: i32,
}

#[test]
fn serialize_as_and_deserialize_as() {
    items::with(|phase, connection| {
        let written = |title: &str| Written {
            title: Upper(title.to_owned()),
            size: 3,
        };
        diesel::insert_into(table_of_items::table)
            .values(written("Three"))
            .execute(connection)
            .expect("inserts");
        diesel::update(table_of_items::table.find(2))
            .set(written("Two"))
            .execute(connection)
            .expect("updates");
        let expected = ["one", "TWO", "THREE"].map(Some);
        assert_eq!(titles(connection), some(&expected), "{phase}");
        let found = table_of_items::table
            .select(Read::as_select())
            .find(3)
            .first(connection);
        let title = Lower(Some("three".to_owned()));
        assert_eq!(found, Ok(Read { title, size: 3 }), "{phase}");
    });
}

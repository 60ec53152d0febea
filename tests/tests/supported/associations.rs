use super::*;

diesel::table! {
    parts (id) {
        id -> Integer,
        item_id -> Integer,
        label -> Text,
    }
}

diesel::joinable!(parts -> table_of_items (item_id));
diesel::allow_tables_to_appear_in_same_query!(parts, table_of_items);

#[derive(
    Queryable, Selectable, Identifiable, Associations, Insertable, Migrate, Debug, PartialEq,
)]
#[diesel(table_name = parts)]
#[diesel(belongs_to(Item))]
struct Part {
    id: i32,
    item_id: i32,
    #[migrate(rename_from = "tag")]
    label: String,
}

#[test]
fn belongs_to() {
    // the parent's migration in every phase, the child's in one of them
    items::with(|phase, connection| {
        use diesel::connection::SimpleConnection;
        use expand_contract::__private::{Dialect, Migrate};
        use expand_contract::phase::Stage;
        connection
            .batch_execute("CREATE TABLE parts (id INTEGER PRIMARY KEY, item_id INTEGER, tag TEXT)")
            .expect("creates");
        let original = expand_contract::Snapshot::new(
            <parts::table as Migrate>::cell(),
            Stage::first(Phase::Original),
            Dialect::Sqlite,
            Vec::new(),
        );
        original.scope(|| {
            let part = Part {
                id: 1,
                item_id: 2,
                label: "left".to_owned(),
            };
            diesel::insert_into(parts::table)
                .values(&part)
                .execute(connection)
                .expect("inserts");
            let parents = table_of_items::table
                .select(Item::as_select())
                .load(connection)
                .expect("selects");
            let children = Part::belonging_to(&parents)
                .select(Part::as_select())
                .load(connection)
                .expect("selects")
                .grouped_by(&parents);
            assert_eq!(children, [vec![], vec![part]], "{phase}");
            let joined = parts::table
                .inner_join(table_of_items::table)
                .select((Part::label, Item::size))
                .load::<(String, i32)>(connection);
            assert_eq!(joined, Ok(vec![("left".to_owned(), 20)]), "{phase}");
        });
    });
}

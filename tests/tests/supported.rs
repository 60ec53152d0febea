//! The table of `docs/supported.md`: what the derives take, on real tables, in every phase.
#![allow(missing_docs)]

use diesel::prelude::Associations;
use expand_contract::phase::Phase;
use expand_contract::prelude::*;
use tests::phases;

/// A table with one renamed column that has a default.
mod items {
    use super::*;

    diesel::table! {
        items (id) {
            id -> Integer,
            title -> Nullable<Text>,
            size -> Integer,
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
    )]
    #[diesel(table_name = items)]
    #[migrate(id = "supported/items")]
    pub(crate) struct Item {
        pub(crate) id: i32,
        #[migrate(rename_from = "name")]
        pub(crate) title: Option<String>,
        #[migrate(rename_from = "length", retype_from = Text,
                  up = "CAST(length AS INTEGER)", down = "CAST(size AS TEXT)", lossless)]
        pub(crate) size: i32,
    }

    pub(crate) fn create(phase: Phase) -> String {
        let title = phases::columns(
            phase,
            "name TEXT DEFAULT 'untitled'",
            "title TEXT DEFAULT 'untitled'",
        );
        let size = phases::columns(phase, "length TEXT DEFAULT '1'", "size INTEGER DEFAULT 1");
        format!("CREATE TABLE items (id INTEGER PRIMARY KEY, {title}, {size})")
    }

    /// In every phase, with the items 1 (`one`, 10) and 2 (no title, 20).
    pub(crate) fn with(work: impl Fn(Phase, &mut diesel::SqliteConnection)) {
        phases::each::<items::table>(create, |phase, connection| {
            let values = [(1, Some("one"), 10), (2, None, 20)];
            for (id, title, size) in values {
                diesel::insert_into(items::table)
                    .values((items::id.eq(id), Item::title.eq(title), Item::size.eq(size)))
                    .execute(connection)
                    .expect("inserts");
            }
            work(phase, connection);
        });
    }

    pub(crate) fn titles(connection: &mut diesel::SqliteConnection) -> Vec<Option<String>> {
        items::table
            .select(Item::title)
            .order(items::id)
            .load(connection)
            .expect("selects")
    }

    pub(crate) fn some(titles: &[Option<&str>]) -> Vec<Option<String>> {
        titles
            .iter()
            .map(|title| title.map(str::to_owned))
            .collect()
    }
}
use items::items as table_of_items;
use items::{some, titles, Item};

mod option {
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
}

mod parameters {
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
}

mod columns {
    use super::*;

    #[derive(Queryable, Selectable, Insertable, AsChangeset, Debug, PartialEq)]
    #[diesel(table_name = table_of_items)]
    struct Renamed {
        #[diesel(column_name = title)]
        heading: Option<String>,
        #[diesel(column_name = "size")]
        length: i32,
    }

    #[derive(Queryable, Selectable, Insertable, AsChangeset, Debug, PartialEq)]
    #[diesel(table_name = table_of_items)]
    struct Tuple(
        #[diesel(column_name = title)] Option<String>,
        #[diesel(column_name = size)] i32,
    );

    #[derive(Queryable, Selectable, Insertable, AsChangeset, Debug, PartialEq)]
    #[diesel(table_name = table_of_items)]
    struct Outer {
        size: i32,
        #[diesel(embed)]
        inner: Inner,
    }

    #[derive(Queryable, Selectable, Insertable, AsChangeset, Debug, PartialEq)]
    #[diesel(table_name = table_of_items)]
    struct Inner {
        title: Option<String>,
    }

    #[derive(Queryable, Selectable, Insertable, AsChangeset, Debug, PartialEq, Default)]
    #[diesel(table_name = table_of_items)]
    struct Skipping {
        #[diesel(skip_insertion)]
        title: Option<String>,
        #[diesel(skip_update)]
        size: i32,
    }

    #[derive(Queryable, Selectable, Debug, PartialEq)]
    #[diesel(table_name = table_of_items)]
    struct Selected {
        size: i32,
        #[diesel(select_expression = table_of_items::id.eq(1_i32))]
        is_first: bool,
        #[diesel(select_expression = Item::title.is_null())]
        #[diesel(select_expression_type = diesel::dsl::IsNull<expand_contract::PhaseColumn<table_of_items::title>>)]
        is_untitled: bool,
    }

    #[derive(Queryable, Selectable, Debug, PartialEq)]
    #[diesel(table_name = table_of_items)]
    #[diesel(check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
    struct Checked {
        id: i32,
        title: Option<String>,
        size: i32,
    }

    /// Inserts and reads one struct, and sets another row to it.
    macro_rules! round_trip {
        ($value:expr, $phase:expr, $connection:expr) => {{
            diesel::insert_into(table_of_items::table)
                .values(&$value)
                .execute($connection)
                .expect("inserts");
            diesel::update(table_of_items::table.find(1))
                .set(&$value)
                .execute($connection)
                .expect("updates");
            for id in [1, 3] {
                let found = table_of_items::table
                    .find(id)
                    .select(SelectableHelper::as_select())
                    .first($connection);
                assert_eq!(found, Ok($value), "{}", $phase);
            }
        }};
    }

    #[test]
    fn column_name() {
        items::with(|phase, connection| {
            let value = || Renamed {
                heading: Some("x".to_owned()),
                length: 3,
            };
            round_trip!(value(), phase, connection);
        });
    }

    #[test]
    fn tuple_struct() {
        items::with(|phase, connection| {
            round_trip!(Tuple(Some("x".to_owned()), 3), phase, connection);
        });
    }

    #[test]
    fn embed() {
        items::with(|phase, connection| {
            let inner = || Inner {
                title: Some("x".to_owned()),
            };
            round_trip!(
                Outer {
                    size: 3,
                    inner: inner()
                },
                phase,
                connection
            );
        });
    }

    #[test]
    fn skip_insertion_and_skip_update() {
        items::with(|phase, connection| {
            let value = Skipping {
                title: Some("x".to_owned()),
                size: 3,
            };
            diesel::insert_into(table_of_items::table)
                .values(&value)
                .execute(connection)
                .expect("inserts");
            diesel::update(table_of_items::table.find(1))
                .set(&value)
                .execute(connection)
                .expect("updates");
            let found = table_of_items::table
                .select(Skipping::as_select())
                .filter(table_of_items::id.ne(2))
                .load(connection);
            let expected = vec![
                Skipping {
                    title: Some("x".to_owned()),
                    size: 10,
                },
                Skipping {
                    title: Some("untitled".to_owned()),
                    size: 3,
                },
            ];
            assert_eq!(found, Ok(expected), "{phase}");
        });
    }

    #[test]
    fn select_expression() {
        items::with(|phase, connection| {
            let found = table_of_items::table
                .select(Selected::as_select())
                .load(connection);
            let expected = vec![
                Selected {
                    size: 10,
                    is_first: true,
                    is_untitled: false,
                },
                Selected {
                    size: 20,
                    is_first: false,
                    is_untitled: true,
                },
            ];
            assert_eq!(found, Ok(expected), "{phase}");
        });
    }

    #[test]
    fn check_for_backend() {
        items::with(|phase, connection| {
            let found = table_of_items::table
                .select(Checked::as_select())
                .find(2)
                .first(connection);
            assert_eq!(
                found,
                Ok(Checked {
                    id: 2,
                    title: None,
                    size: 20
                }),
                "{phase}"
            );
        });
    }
}

mod conversions_of_diesel {
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
}

mod keys {
    use super::*;

    diesel::table! {
        settings (tenant, key) {
            tenant -> Text,
            key -> Text,
            value -> Text,
        }
    }

    #[derive(
        Queryable, Selectable, Identifiable, Insertable, AsChangeset, Migrate, Debug, PartialEq,
    )]
    #[diesel(table_name = settings, primary_key(tenant, key))]
    struct Setting {
        tenant: String,
        key: String,
        #[migrate(rename_from = "content")]
        value: String,
    }

    #[test]
    fn composite_and_of_text() {
        let create = |phase| {
            let value = phases::columns(phase, "content TEXT", "value TEXT");
            format!(
                "CREATE TABLE settings (tenant TEXT, key TEXT, {value}, PRIMARY KEY (tenant, key))"
            )
        };
        phases::each::<settings::table>(create, |phase, connection| {
            let setting = |tenant: &str, value: &str| Setting {
                tenant: tenant.to_owned(),
                key: "colour".to_owned(),
                value: value.to_owned(),
            };
            diesel::insert_into(settings::table)
                .values(vec![setting("a", "red"), setting("b", "red")])
                .execute(connection)
                .expect("inserts");
            let changed = setting("b", "blue");
            let saved = diesel::update(&changed)
                .set(&changed)
                .returning(Setting::as_returning())
                .get_result(connection);
            assert_eq!(saved, Ok(setting("b", "blue")), "{phase}");
            let found = settings::table
                .find(("a", "colour"))
                .select(Setting::as_select())
                .first(connection);
            assert_eq!(found, Ok(setting("a", "red")), "{phase}");
        });
    }
}

mod names {
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
}

mod several_tables {
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
}

mod associations {
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
                .batch_execute(
                    "CREATE TABLE parts (id INTEGER PRIMARY KEY, item_id INTEGER, tag TEXT)",
                )
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
}

/// As many columns as Diesel's feature `32-column-tables` allows, and two more behind the changed ones.
mod wide {
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
}

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

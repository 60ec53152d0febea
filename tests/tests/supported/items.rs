use super::*;

diesel::table! {
    items (id) {
        id -> Integer,
        title -> Nullable<Text>,
        size -> Integer,
    }
}

#[derive(
    Queryable, Selectable, Identifiable, Insertable, AsChangeset, Migrate, Debug, PartialEq, Clone,
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

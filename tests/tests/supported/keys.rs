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
        format!("CREATE TABLE settings (tenant TEXT, key TEXT, {value}, PRIMARY KEY (tenant, key))")
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

//! What the field form means.

mod support;

use expand_contract_model::{Conversion, Part, Repository, Sql};
use quote::ToTokens;
use support::{field, model};

fn parts(sql: &Option<Sql>) -> Vec<Part> {
    sql.as_ref().expect("an expression").parts.clone()
}

fn sql(text: &str) -> Part {
    Part::Sql(text.to_owned())
}

#[test]
fn rename_and_retype_in_sql() {
    let model = model(
        r#"
        #[derive(Queryable, Identifiable, Migrate)]
        #[diesel(table_name = crate::schema::versions)]
        struct Version {
            id: i32,
            #[migrate(rename_from = "checksum", retype_from = Text,
                      up = "decode(checksum, 'hex')", down = "encode(tar_sha256, 'hex')",
                      lossless, monotonic, sql_type = "BYTEA")]
            tar_sha256: Vec<u8>,
        }"#,
    )
    .expect("valid");
    assert_eq!(
        model.record.table().to_token_stream().to_string(),
        "crate :: schema :: versions"
    );
    assert_eq!(model.repository, Repository::Default);
    let migration = model.migration;
    assert_eq!(migration.id, "versions/tar_sha256");
    assert_eq!(migration.generation, 1);
    assert_eq!(
        migration.krate.to_token_stream().to_string(),
        ":: expand_contract"
    );
    let [change] = migration.changes.as_slice() else {
        panic!("{migration:#?}");
    };
    assert_eq!(change.column, "tar_sha256");
    assert_eq!(
        change.old_name.as_ref().expect("renamed").value(),
        "checksum"
    );
    assert_eq!(change.via, None);
    assert!(change.lossless && change.monotonic);
    assert_eq!(
        change.sql_type.any.as_ref().expect("given").value(),
        "BYTEA"
    );
    let Conversion::Sql { up, down } = &change.conversion else {
        panic!("{change:#?}");
    };
    assert_eq!(
        parts(&up.any),
        [sql("decode("), Part::Column, sql(", 'hex')")]
    );
    assert_eq!(
        parts(&down.any),
        [sql("encode("), Part::Column, sql(", 'hex')")]
    );
    assert!(up.postgres.is_none() && up.sqlite.is_none());
}

#[test]
fn rename_alone_is_the_identity() {
    let migration = field(r#"rename_from = "Weiße \"Größe\"""#).expect("valid");
    let change = &migration.changes[0];
    assert_eq!(
        change.old_name.as_ref().expect("renamed").value(),
        "Weiße \"Größe\""
    );
    assert!(matches!(change.conversion, Conversion::Identity));
    assert!(change.lossless && change.monotonic);
    assert!(change.retype_from.is_none() && change.via.is_none());
}

#[test]
fn retype_that_keeps_its_name_goes_through_another_one() {
    let both = r#"retype_from = Integer, up = "tar_sha256", down = "tar_sha256::int4""#;
    let change = field(both).expect("valid").changes.remove(0);
    assert_eq!(change.via.as_deref(), Some("tar_sha256_expand_contract"));
    assert!(change.old_name.is_none() && !change.lossless && !change.monotonic);

    let change = field(&format!(r#"{both}, via = "tmp""#))
        .expect("valid")
        .changes
        .remove(0);
    assert_eq!(change.via.as_deref(), Some("tmp"));
}

#[test]
fn expressions_per_dialect() {
    let change = field(
        r#"rename_from = "order", retype_from = diesel::sql_types::Nullable<diesel::sql_types::Text>,
           up(postgres = "decode(\"order\", 'hex')", sqlite = "unhex([order])"),
           down(postgres = "encode(tar_sha256, 'hex')", any = "lower(hex(tar_sha256))"),
           sql_type(postgres = "BYTEA", sqlite = "BLOB")"#,
    );
    // `down` covers everything, `up` does not.
    support::assert_one(change, "up", "`up` has no expression for `any`");

    let change = field(
        r#"rename_from = "order", retype_from = diesel::sql_types::Nullable<diesel::sql_types::Text>,
           up(postgres = "decode(\"order\", 'hex')", sqlite = "unhex([order])"),
           down(postgres = "encode(tar_sha256, 'hex')", sqlite = "lower(hex(tar_sha256))"),
           sql_type(postgres = "BYTEA", sqlite = "BLOB")"#,
    )
    .expect("valid")
    .changes
    .remove(0);
    let Conversion::Sql { up, .. } = &change.conversion else {
        panic!("{change:#?}");
    };
    assert_eq!(
        parts(&up.postgres),
        [sql("decode("), Part::Column, sql(", 'hex')")]
    );
    assert_eq!(parts(&up.sqlite), [sql("unhex("), Part::Column, sql(")")]);
    assert_eq!(
        change.sql_type.sqlite.as_ref().expect("given").value(),
        "BLOB"
    );
}

#[test]
fn conversions_in_rust() {
    let change = field(
        r#"rename_from = "checksum", retype_from = Text, old_type = Option<std::collections::HashMap<String, u8>>,
           up_with = hex::decode, down_with = <Hex as Codec>::encode::<u8>"#,
    )
    .expect("valid")
    .changes
    .remove(0);
    assert!(matches!(change.conversion, Conversion::Functions { .. }));
    let change = field(r#"retype_from = Text, old_type = String"#)
        .expect("valid")
        .changes
        .remove(0);
    assert!(matches!(change.conversion, Conversion::Traits));
    assert_eq!(
        change
            .old_type
            .expect("given")
            .to_token_stream()
            .to_string(),
        "String"
    );
}

#[test]
fn settings_of_the_struct() {
    let model = model(
        r#"
        #[diesel(table_name = accounts, primary_key(tenant, number))]
        #[migrate(id = "my id", generation = 2, repository = "Versions", crate = "ec")]
        #[migrate()]
        struct Account<'a, T: Copy>
        where
            T: Clone,
        {
            tenant: i32,
            number: i32,
            #[migrate(rename_from = "b")]
            balance: T,
            #[migrate(rename_from = "c")]
            #[diesel(column_name = "type")]
            contact: &'a str,
        }"#,
    )
    .expect("valid");
    assert_eq!(model.migration.id, "my id");
    assert_eq!(model.migration.generation, 2);
    assert_eq!(model.migration.krate.to_token_stream().to_string(), "ec");
    assert!(matches!(model.repository, Repository::Named(name) if name == "Versions"));
    assert_eq!(model.migration.changes[1].column, "r#type");
    let ident: syn::Ident = syn::parse_quote!(r#type);
    assert!(model.migration.change_of(&ident).is_some());
    assert_eq!(model.record.primary_key.len(), 2);
}

#[test]
fn default_id_sorts_columns_and_drops_raw_prefixes() {
    let model = model(
        r##"
        #[diesel(table_name = r#accounts)]
        struct Account {
            id: i32,
            #[migrate(rename_from = "c")]
            r#type: i32,
            #[migrate(rename_from = "b")]
            balance: i32,
        }"##,
    )
    .expect("valid");
    assert_eq!(model.migration.id, "accounts/balance+type");
}

#[test]
fn tuple_structs_name_their_columns() {
    let model = model(
        r#"
        #[diesel(table_name = accounts)]
        #[migrate(repository = false)]
        struct Account(
            #[diesel(column_name = id)] i32,
            #[diesel(column_name = balance)] #[migrate(rename_from = "saldo")] i64,
        );"#,
    )
    .expect("valid");
    assert_eq!(model.repository, Repository::Off);
    assert!(!model.record.is_named);
    assert!(
        matches!(&model.migration.changes[0].field, Some(syn::Member::Unnamed(index)) if index.index == 1)
    );
}

//! The schema as it shall be. Before the migration the database has `checksum` and `legacy_email` instead.

diesel::table! {
    versions (id) {
        id -> BigInt,
        name -> Text,
        num -> Text,
        copy -> BigInt,
        downloads -> BigInt,
        tar_sha256 -> Binary,
    }
}

diesel::table! {
    tenant_accounts (id) {
        id -> BigInt,
        name -> Text,
        primary_contact -> Nullable<Text>,
    }
}

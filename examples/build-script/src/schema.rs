diesel::table! {
    uploads (id) {
        id -> Integer,
        name -> Text,
        sha256 -> Binary,
    }
}

//! The same rules hold on a table, whose columns keep their type in place.
use expand_contract::prelude::*;

#[expand_contract::migrate(
    num(rename_from = "number", strategy = copy),
    digest(rename_from = "checksum", strategy = in_place, sql_type = "text"),
)]
diesel::table! {
    versions (id) {
        id -> Integer,
        num -> Text,
        digest -> Text,
    }
}

fn main() {
    let _ = versions::migration();
    let _ = versions::table.filter(versions::digest.eq("a"));
}

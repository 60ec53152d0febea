//! The same on a table.

#[expand_contract::migrate(total(rename_from = "checksum", carry("num_check" = "checksum > 0"), drop(num)))]
diesel::table! {
    versions (id) {
        id -> Integer,
        num -> Integer,
        total -> Integer,
    }
}

fn main() {}

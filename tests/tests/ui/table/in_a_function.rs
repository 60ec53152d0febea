//! Attributes of statements are unstable: the compiler says so before the macro is asked.

fn main() {
    #[expand_contract::migrate(tar_sha256(rename_from = "checksum"))]
    diesel::table! {
        versions (id) {
            id -> Integer,
            tar_sha256 -> Binary,
        }
    }
}

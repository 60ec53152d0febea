//! A struct has a derive.

#[expand_contract::migrate(tar_sha256(rename_from = "checksum"))]
struct Version {
    tar_sha256: Vec<u8>,
}

fn main() {
    let _ = Version { tar_sha256: vec![1] }.tar_sha256.len();
}

//! Real data: the packages of the workspace's `Cargo.lock`.

use std::path::Path;

use serde::Deserialize;

/// A package and what the lock file says of it.
#[derive(Debug, Clone)]
pub struct Package {
    pub name: String,
    pub num: String,
    /// 64 hex digits.
    pub checksum: String,
    /// The same as bytes.
    pub sha256: Vec<u8>,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    version: String,
    checksum: Option<String>,
}

/// The packages that have a checksum (those of the workspace itself have none).
pub fn read(lock: &Path) -> Result<Vec<Package>, Box<dyn std::error::Error + Send + Sync>> {
    let text = std::fs::read_to_string(lock).map_err(|e| format!("{}: {e}", lock.display()))?;
    let lock: Lock = toml::from_str(&text)?;
    lock.package
        .into_iter()
        .filter_map(|entry| Some((entry.name, entry.version, entry.checksum?)))
        .map(|(name, num, checksum)| {
            Ok(Package {
                sha256: decode(&checksum).ok_or_else(|| format!("{name}: not a checksum"))?,
                name,
                num,
                checksum,
            })
        })
        .collect()
}

fn decode(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = hex
        .chars()
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect::<Option<_>>()?;
    (digits.len() == 64).then(|| {
        digits
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect()
    })
}

//! Reading files that somebody else wrote: sizes are limited, only regular files are opened, and nothing is followed in a
//! circle. A file that cannot be read is an answer, not a panic.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// The longest file that is read, in bytes. A dump of data is not a migration; a build must not hold it in memory.
pub(crate) const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// Why a file was not read.
#[derive(Debug)]
pub(crate) enum Unread {
    /// It is not there.
    Missing,
    /// Anything else, as a sentence about the file.
    Refused(String),
}

/// The text of a file.
pub(crate) fn text(path: &Path) -> Result<String, Unread> {
    let refused = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Unread::Missing,
        // a loop of symbolic links ends here, with the system's words
        _ => Unread::Refused(format!("cannot be read: {error}")),
    };
    // Before it is opened: to open a named pipe waits for somebody to write.
    let metadata = fs::metadata(path).map_err(refused)?;
    if !metadata.is_file() {
        return Err(Unread::Refused("is not a regular file".into()));
    }
    let too_long = || {
        Unread::Refused(format!(
            "is longer than {} MiB and was not looked at",
            MAX_BYTES / 1024 / 1024
        ))
    };
    if metadata.len() > MAX_BYTES {
        return Err(too_long());
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(refused)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(too_long());
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Unread::Refused(format!("is not UTF-8 text (byte {at})"))
    })?;
    if text.contains('\0') {
        return Err(Unread::Refused("is not text: it has zero bytes".into()));
    }
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_string(),
        None => text,
    })
}

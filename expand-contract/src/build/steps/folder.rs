//! The folder of steps beside a project's migrations.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use similar::TextDiff;

use super::MARK;
use crate::build::finding::Report;
use crate::build::source;

/// What is there.
pub(super) struct Folder {
    /// The files that were written here, and what is in them.
    written: BTreeMap<PathBuf, String>,
}

impl Folder {
    pub(super) fn read(root: &Path, report: &mut Report) -> io::Result<Self> {
        let mut written = BTreeMap::new();
        let entries = match fs::read_dir(root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Folder { written }),
            entries => entries?,
        };
        for entry in entries {
            let folder = entry?.path();
            for name in ["up.sql", "down.sql"] {
                let path = folder.join(name);
                let text = source::text(&path).ok();
                if let Some(text) = text.filter(|text| text.starts_with(MARK)) {
                    report.reads(&path);
                    written.insert(path, text);
                }
            }
        }
        Ok(Folder { written })
    }

    pub(super) fn written(&self) -> impl Iterator<Item = &PathBuf> {
        self.written.keys()
    }

    pub(super) fn text(&self, path: &Path) -> Option<&str> {
        self.written.get(path).map(String::as_str)
    }

    /// The time stamp of the step's folder, if there is one: what stands before its name.
    pub(super) fn stamp_of(&self, name: &str) -> Option<&str> {
        self.written().find_map(|path| {
            let folder = path.parent()?.file_name()?.to_str()?;
            let stamp = folder.strip_suffix(name)?;
            let is_stamp = stamp.starts_with(|c: char| c.is_ascii_digit())
                && stamp.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
            is_stamp.then_some(stamp)
        })
    }
}

/// A migration's id as part of a folder's name. The version ends at the first `_`, so nothing behind it has to be exact.
pub(super) fn file_name(id: &str, generation: u32) -> String {
    let plain = |c: char| {
        if c.is_alphanumeric() || c == '-' {
            c
        } else {
            '_'
        }
    };
    let name: String = id.chars().map(plain).collect();
    // ids that differ in other characters only
    let exact = id.chars().all(|c| plain(c) == c || c == '_' || c == '/');
    let hash = match exact {
        true => String::new(),
        false => format!("_{:08x}", crate::ledger::hash(id) & 0xffff_ffff),
    };
    match generation {
        1 => format!("{name}{hash}"),
        other => format!("{name}{hash}_{other}"),
    }
}

pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}

/// The file, and its folder once that is empty.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    if let Some(folder) = path.parent() {
        // somebody else's file may be in it
        let _ = fs::remove_dir(folder);
    }
    Ok(())
}

/// The first line that differs, and the difference.
pub(super) fn difference(before: &str, after: &str) -> (usize, String) {
    let same = before
        .lines()
        .zip(after.lines())
        .take_while(|(a, b)| a == b);
    let line = same.count() + 1;
    let diff = TextDiff::from_lines(before, after);
    let text = diff.unified_diff().context_radius(1).to_string();
    (line, text.trim_end().to_owned())
}

//! Support of the tests of `expand_contract::build`.
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A folder of its own for a project's files, gone at the end of the test.
#[derive(Debug)]
pub struct Folder {
    root: TempDir,
}

impl Folder {
    /// An empty one.
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Self {
        let root = TempDir::new().expect("a temporary folder can be made");
        Folder { root }
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// A place in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// Writes a file, in folders that are made for it.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        let folder = path.parent().unwrap_or(self.root());
        let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, text));
        written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

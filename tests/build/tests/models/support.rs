//! A folder of sources, and what is found in it.

use std::path::Path;

use expand_contract::build::{Models, ModelsFound};
use tests_build::Folder;

/// A crate.
pub(crate) struct Sources {
    files: Folder,
}

/// `Name` of the table `names`, whose field `new` was `old`.
pub(crate) fn model(name: &str) -> String {
    format!(
        "#[derive(expand_contract::Migrate)] #[diesel(table_name = t)] #[migrate(id = \"{name}\")]
struct {name} {{ id: i32, #[migrate(rename_from = \"old\")] new: i32 }}\n"
    )
}

impl Sources {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let sources = Sources {
            files: Folder::new(),
        };
        for (name, text) in files {
            sources.write(name, text);
        }
        sources
    }

    pub(crate) fn path(&self) -> &Path {
        self.files.root()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        self.files.write(name, text);
    }

    pub(crate) fn tree(&self) -> ModelsFound {
        Models::new().tree(self.path().join("src/lib.rs")).read()
    }

    /// The ids that were found, in the order in which they were.
    #[track_caller]
    pub(crate) fn ids(&self) -> Vec<String> {
        let found = self.tree();
        assert!(
            found.report().findings.is_empty(),
            "{:#?}",
            found.report().findings
        );
        ids(&found)
    }
}

pub(crate) fn ids(found: &ModelsFound) -> Vec<String> {
    found
        .migrations()
        .iter()
        .map(|migration| migration.id.clone())
        .collect()
}

/// `file:line:column rule`, the files by their place below the root.
pub(crate) fn places(found: &ModelsFound, root: &Path) -> Vec<String> {
    let findings = found.report().findings.iter();
    findings
        .map(|finding| {
            let file = finding.file.strip_prefix(root).unwrap_or(&finding.file);
            format!("{}:{} {}", file.display(), finding.at, finding.rule)
        })
        .collect()
}

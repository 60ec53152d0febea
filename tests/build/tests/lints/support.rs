//! A folder of migrations, and what the lints say of the last one.

use std::fs;
use std::path::Path;

use expand_contract::build::{Database, Finding, InUse, Level, Lints, Reader, Report};
use tempfile::TempDir;

/// One migration under test, and those before it.
pub(crate) struct Case {
    database: Database,
    earlier: Vec<String>,
    up: String,
    down: Option<String>,
    in_transaction: bool,
    in_use: Option<InUse>,
}

/// Line and column.
pub(crate) type Places = &'static [(usize, usize)];

impl Case {
    fn new(database: Database, up: &str) -> Self {
        Case {
            database,
            earlier: Vec::new(),
            up: up.into(),
            down: None,
            in_transaction: true,
            in_use: None,
        }
    }

    pub(crate) fn postgres(up: &str) -> Self {
        Self::new(Database::Postgres, up)
    }

    pub(crate) fn sqlite(up: &str) -> Self {
        Self::new(Database::Sqlite, up)
    }

    pub(crate) fn mysql(up: &str) -> Self {
        Self::new(Database::Mysql, up)
    }

    /// A migration before this one; the later call comes later.
    pub(crate) fn after(mut self, up: &str) -> Self {
        self.earlier.push(up.into());
        self
    }

    pub(crate) fn down(mut self, down: &str) -> Self {
        self.down = Some(down.into());
        self
    }

    pub(crate) fn without_transaction(mut self) -> Self {
        self.in_transaction = false;
        self
    }

    pub(crate) fn reads(mut self, table: &str, column: &str) -> Self {
        let reader = Reader::Mapped(format!("the model of {table}"));
        let database = self.database;
        let in_use = self.in_use.get_or_insert_with(|| InUse::new(database));
        in_use.read(None, table, column, reader);
        self
    }

    pub(crate) fn migrates(mut self, table: &str, column: &str, is_old: bool) -> Self {
        let reader = Reader::Migrating {
            id: format!("{table}/change"),
            by: format!("the model of {table}"),
            is_old,
        };
        let database = self.database;
        let in_use = self.in_use.get_or_insert_with(|| InUse::new(database));
        in_use.read(None, table, column, reader);
        self
    }

    fn write(&self, root: &Path) {
        for (number, up) in self.earlier.iter().chain([&self.up]).enumerate() {
            let folder = root.join(format!("{number:04}_migration"));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("up.sql"), up).unwrap();
            if number == self.earlier.len() {
                if let Some(down) = &self.down {
                    fs::write(folder.join("down.sql"), down).unwrap();
                }
                if !self.in_transaction {
                    fs::write(folder.join("metadata.toml"), "run_in_transaction = false\n")
                        .unwrap();
                }
            }
        }
    }

    /// The findings about the migration under test, of all rules, with the rule of the test at least a warning.
    fn found(&self, rule: &str) -> Vec<Finding> {
        let root = TempDir::new().unwrap();
        self.write(root.path());
        let mut lints = Lints::new(root.path(), self.database).level(rule, Level::Deny);
        if let Some(in_use) = &self.in_use {
            lints = lints.in_use(in_use.clone());
        }
        let last = format!("{:04}_migration", self.earlier.len());
        let mut findings = lints.check().findings;
        findings.retain(|finding| finding.file.to_string_lossy().contains(&last));
        findings
    }

    /// The rule speaks of these places of the script, and of no other; its other script it leaves alone.
    #[track_caller]
    fn says(&self, rule: &str, script: &str, places: Places) {
        let findings = self.found(rule);
        for finding in &findings {
            assert_ne!(finding.rule, "not-understood", "{finding}");
        }
        let of_rule = findings.iter().filter(|finding| finding.rule == rule);
        let found: Vec<_> = of_rule
            .clone()
            .map(|f| {
                let script = f.file.file_name().unwrap().to_string_lossy();
                (script.into_owned(), f.at.line, f.at.column)
            })
            .collect();
        let expected: Vec<_> = places
            .iter()
            .map(|(line, column)| (script.to_string(), *line, *column))
            .collect();
        assert_eq!(found, expected, "{findings:#?}");
        for finding in of_rule {
            assert!(
                !finding.why.is_empty() && !finding.help.is_empty(),
                "{finding}"
            );
        }
    }

    /// The rule speaks of these places of `up.sql`.
    #[track_caller]
    pub(crate) fn finds(self, rule: &str, places: Places) {
        assert!(!places.is_empty());
        self.says(rule, "up.sql", places);
    }

    /// The rule speaks of these places of `down.sql`.
    #[track_caller]
    pub(crate) fn finds_down(self, rule: &str, places: Places) {
        assert!(!places.is_empty());
        self.says(rule, "down.sql", places);
    }

    /// The rule has nothing to say.
    #[track_caller]
    pub(crate) fn passes(self, rule: &str) {
        self.says(rule, "up.sql", &[]);
    }

    /// Everything at the levels that a project has without settings.
    pub(crate) fn report(self) -> Report {
        let root = TempDir::new().unwrap();
        self.write(root.path());
        let mut lints = Lints::new(root.path(), self.database);
        if let Some(in_use) = &self.in_use {
            lints = lints.in_use(in_use.clone());
        }
        lints.check()
    }

    /// The rules that speak, at the levels that a project has without settings.
    pub(crate) fn rules(self) -> Vec<&'static str> {
        self.report().findings.iter().map(|f| f.rule).collect()
    }
}

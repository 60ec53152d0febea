use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use expand_contract::build::{Database, Lints, Report};
use tempfile::TempDir;

const RULE: &str = "not-read";

fn check(write: impl Fn(&Path)) -> (Report, TempDir) {
    let root = TempDir::new().unwrap();
    let folder = root.path().join("0001_x");
    fs::create_dir(&folder).unwrap();
    write(&folder);
    (Lints::new(root.path(), Database::Postgres).check(), root)
}

#[track_caller]
fn is_skipped(write: impl Fn(&Path), file: &str, saying: &str) {
    let (report, _root) = check(write);
    let findings = &report.findings;
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].rule, RULE);
    assert!(
        findings[0].file.ends_with(format!("0001_x/{file}")),
        "{}",
        findings[0]
    );
    assert!(findings[0].message.contains(saying), "{}", findings[0]);
}

#[test]
fn binary() {
    let write = |folder: &Path| {
        fs::write(folder.join("up.sql"), [0x7f, b'E', b'L', b'F', 0xff, 0, 1]).unwrap()
    };
    is_skipped(write, "up.sql", "is not UTF-8 text (byte 4)");
}

#[test]
fn zero_bytes() {
    let write = |folder: &Path| fs::write(folder.join("up.sql"), "SELECT 1;\0").unwrap();
    is_skipped(write, "up.sql", "zero bytes");
}

/// It is not even opened: a build does not wait for it, nor hold it in memory.
#[test]
fn a_hundred_megabytes() {
    let write = |folder: &Path| {
        let file = File::create(folder.join("up.sql")).unwrap();
        file.set_len(100 * 1024 * 1024).unwrap();
    };
    is_skipped(write, "up.sql", "longer than 8 MiB");
}

#[test]
fn a_loop_of_links() {
    let write = |folder: &Path| {
        symlink(folder.join("b.sql"), folder.join("up.sql")).unwrap();
        symlink(folder.join("up.sql"), folder.join("b.sql")).unwrap();
    };
    is_skipped(write, "up.sql", "cannot be read");
}

#[test]
fn a_folder_that_leads_back_to_itself() {
    let (report, _root) = check(|folder| {
        fs::write(folder.join("up.sql"), "DROP TABLE t;").unwrap();
        let root = folder.parent().unwrap();
        symlink(root, root.join("round")).unwrap();
    });
    let rules: Vec<_> = report.findings.iter().map(|finding| finding.rule).collect();
    assert_eq!(rules, ["drop-table", "missing-lock-timeout"]);
}

#[test]
fn a_folder_in_its_place() {
    let write = |folder: &Path| fs::create_dir(folder.join("up.sql")).unwrap();
    is_skipped(write, "up.sql", "is not a regular file");
}

/// To open a named pipe would wait for a writer.
#[test]
fn a_pipe() {
    use rustix::fs::{mknodat, FileType, Mode, CWD};
    let started = Instant::now();
    let write = |folder: &Path| {
        mknodat(
            CWD,
            folder.join("up.sql"),
            FileType::Fifo,
            Mode::RUSR | Mode::WUSR,
            0,
        )
        .unwrap();
    };
    is_skipped(write, "up.sql", "is not a regular file");
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn missing() {
    let write = |folder: &Path| fs::write(folder.join("down.sql"), "SELECT 1;").unwrap();
    is_skipped(write, "up.sql", "is missing");
}

#[test]
fn metadata_that_says_neither() {
    let write = |folder: &Path| {
        fs::write(folder.join("up.sql"), "SELECT 1;").unwrap();
        fs::write(
            folder.join("metadata.toml"),
            "# how\nrun_in_transaction = 'no'\n",
        )
        .unwrap();
    };
    is_skipped(write, "metadata.toml", "`true` or `false`");
}

#[test]
fn no_folder_at_all() {
    let report = Lints::new("/nowhere/at/all", Database::Postgres).check();
    assert_eq!(report.errors().count(), 1);
    assert!(report.findings[0].message.contains("cannot be read"));
}

/// A byte order mark is not a word of SQL.
#[test]
fn a_byte_order_mark_is_no_obstacle() {
    let (report, _root) = check(|folder| {
        fs::write(
            folder.join("up.sql"),
            "\u{feff}CREATE TABLE t (id int PRIMARY KEY);\r\n",
        )
        .unwrap();
    });
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}

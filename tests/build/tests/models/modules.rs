use std::os::unix::fs::symlink;

use expand_contract::build::Models;

use crate::support::{ids, model, places, Sources};

#[test]
fn files_beside_and_below() {
    let sources = Sources::new(&[
        ("src/lib.rs", "mod a; pub mod b; mod r#type;"),
        ("src/a.rs", &format!("{} mod inner;", model("A"))),
        ("src/a/inner.rs", &model("Inner")),
        ("src/b/mod.rs", &format!("{} mod c;", model("B"))),
        ("src/b/c.rs", &model("C")),
        ("src/type.rs", &model("Type")),
        ("src/unrelated.rs", &model("Unrelated")),
    ]);
    assert_eq!(sources.ids(), ["A", "Inner", "B", "C", "Type"]);
}

#[test]
fn modules_with_a_body() {
    let sources = Sources::new(&[
        (
            "src/lib.rs",
            "mod outer { mod inner { mod file; } mod other; }",
        ),
        ("src/outer/inner/file.rs", &model("File")),
        ("src/outer/other.rs", &model("Other")),
    ]);
    assert_eq!(sources.ids(), ["File", "Other"]);
}

/// As the reference of Rust has it, in files that are `mod.rs` and in those that are not.
#[test]
fn path_attributes() {
    let sources = Sources::new(&[
        ("src/lib.rs", "mod a; #[path = \"elsewhere/x.rs\"] mod b; #[path = \"threads\"] mod thread { #[path = \"tls.rs\"] mod local; mod plain; }"),
        ("src/a.rs", "#[path = \"foo.rs\"] mod c; mod inline { #[path = \"other.rs\"] mod inner; }"),
        ("src/foo.rs", &model("Foo")),
        ("src/a/inline/other.rs", &model("Other")),
        ("src/elsewhere/x.rs", "mod y;"),
        ("src/elsewhere/y.rs", &model("Y")),
        ("src/threads/tls.rs", &model("Tls")),
        ("src/threads/plain.rs", &model("Plain")),
    ]);
    assert_eq!(sources.ids(), ["Foo", "Other", "Y", "Tls", "Plain"]);
}

#[test]
fn included_files_and_functions() {
    let sources = Sources::new(&[
        ("src/lib.rs", &format!("include!(\"more.rs\"); include!(concat!(env!(\"OUT_DIR\"), \"/x.rs\"));\nfn main() {{ {} {{ mod deep {{ {} }} }} }}", model("InFunction"), model("Deep"))),
        ("src/more.rs", &model("More")),
    ]);
    assert_eq!(sources.ids(), ["More", "InFunction", "Deep"]);
}

#[test]
fn what_is_missing_is_reported_at_the_declaration() {
    let sources = Sources::new(&[
        (
            "src/lib.rs",
            "mod a;\n  pub(crate) mod gone;\n#[path = \"no.rs\"] mod b;",
        ),
        ("src/a.rs", "mod both;"),
        ("src/a/both.rs", ""),
        ("src/a/both/mod.rs", ""),
    ]);
    let found = sources.tree();
    assert_eq!(
        places(&found, sources.path()),
        [
            "src/a.rs:1:5 module",
            "src/lib.rs:2:18 module",
            "src/lib.rs:3:23 module"
        ]
    );
    let message = &found.report().findings[0].message;
    assert!(message.contains("found at both"), "{message}");
}

#[test]
fn circles_end() {
    let sources = Sources::new(&[
        ("src/lib.rs", "mod a; #[path = \"lib.rs\"] mod again;"),
        ("src/a.rs", "#[path = \"b.rs\"] mod b;"),
        ("src/b.rs", "#[path = \"a.rs\"] mod a;"),
    ]);
    let found = sources.tree();
    assert_eq!(
        places(&found, sources.path()),
        ["src/b.rs:1:22 module", "src/lib.rs:1:31 module"]
    );
    assert!(found.report().findings[0]
        .message
        .contains("circular modules"));
}

/// Once is enough, and a tree of links does not grow without end.
#[test]
fn a_file_that_is_named_twice_is_read_once() {
    let sources = Sources::new(&[
        ("src/lib.rs", "mod a; #[path = \"a.rs\"] mod b;"),
        ("src/a.rs", &model("A")),
    ]);
    assert_eq!(sources.ids(), ["A"]);
}

#[test]
fn links() {
    let sources = Sources::new(&[
        ("src/lib.rs", "mod a; mod round;"),
        ("real.rs", &model("Real")),
    ]);
    let path = sources.path();
    symlink(path.join("real.rs"), path.join("src/a.rs")).unwrap();
    symlink(path.join("src/round.rs"), path.join("src/round.rs")).unwrap();
    let found = sources.tree();
    assert_eq!(ids(&found), ["Real"]);
    assert_eq!(places(&found, path), ["src/lib.rs:1:12 module"]);
}

/// Exactly what was read: cargo runs the script again when it changes, and for nothing else.
#[test]
fn what_was_read_is_named() {
    let sources = Sources::new(&[
        ("src/lib.rs", "mod a; mod gone; #[cfg(windows)] mod w;"),
        ("src/a.rs", "mod b;"),
        ("src/a/b.rs", ""),
        ("src/w.rs", ""),
        ("src/unrelated.rs", ""),
    ]);
    let found = sources.tree();
    let read: Vec<_> = found
        .report()
        .read
        .iter()
        .map(|path| {
            path.strip_prefix(sources.path())
                .unwrap()
                .display()
                .to_string()
        })
        .collect();
    // where `gone.rs` may appear is named too
    assert_eq!(
        read,
        ["src/a/b.rs", "src/a.rs", "src/gone.rs", "src/lib.rs"]
    );
}

#[test]
fn files_and_folders_are_read_without_their_modules() {
    let sources = Sources::new(&[
        ("models/a.rs", &format!("mod gone; {}", model("A"))),
        ("models/deep/b.rs", &model("B")),
        ("models/notes.txt", "struct"),
        ("one.rs", &format!("mod gone; {}", model("One"))),
    ]);
    let path = sources.path();
    symlink(path.join("models"), path.join("models/round")).unwrap();
    let found = Models::new()
        .folder(path.join("models"))
        .file(path.join("one.rs"))
        .read();
    assert_eq!(ids(&found), ["A", "B", "One"]);
    assert!(
        found.report().findings.is_empty(),
        "{:?}",
        found.report().findings
    );
}

/// All that is wrong, in all files, each at its token.
#[test]
fn every_error_of_every_file() {
    let wrong = "#[derive(Migrate)]\n#[diesel(table_name = t)]\nstruct A {\n  id: i32,\n  #[migrate(rename_form = \"x\")] a: i32,\n  #[migrate(rename_from = \"\")] b: i32,\n}";
    let sources = Sources::new(&[
        ("src/lib.rs", "mod a; mod b; mod c;"),
        ("src/a.rs", wrong),
        ("src/b.rs", "struct {"),
        ("src/c.rs", wrong),
    ]);
    let found = sources.tree();
    let places = places(&found, sources.path());
    assert_eq!(
        places
            .iter()
            .filter(|place| place.starts_with("src/a.rs:5:13 "))
            .count(),
        1,
        "{places:?}"
    );
    assert!(
        places.contains(&"src/a.rs:6:27 annotation".to_string()),
        "{places:?}"
    );
    assert!(
        places.contains(&"src/b.rs:1:8 rust-syntax".to_string()),
        "{places:?}"
    );
    assert!(
        places.contains(&"src/c.rs:6:27 annotation".to_string()),
        "{places:?}"
    );
    let help = found
        .report()
        .findings
        .iter()
        .filter(|f| f.help.contains("rename_from") || f.message.contains("rename_from"));
    assert!(help.count() >= 2);
}

use expand_contract::build::Models;

use crate::support::{ids, model, places, Sources};

#[test]
fn what_is_not_compiled_is_not_read() {
    let sources = Sources::new(&[(
        "src/lib.rs",
        &format!(
            "#[cfg(test)] mod tests; #[cfg(feature = \"x\")] mod x; #[cfg(not(test))] {} #[cfg(any(test, doctest))] {}",
            model("Here"),
            model("Gone")
        ),
    )]);
    assert_eq!(sources.ids(), ["Here"]);
}

#[test]
fn a_whole_file_may_be_gone() {
    let sources = Sources::new(&[
        ("src/lib.rs", "mod a;"),
        (
            "src/a.rs",
            &format!("#![cfg(feature = \"x\")]\n{}", model("Gone")),
        ),
    ]);
    assert_eq!(sources.ids(), [""; 0]);
}

#[test]
fn features_are_compared_as_cargo_writes_them() {
    let sources = Sources::new(&[(
        "src/lib.rs",
        &format!("#[cfg(feature = \"full-text\")] {}", model("FullText")),
    )]);
    let models = Models::new().tree(sources.path().join("src/lib.rs"));
    assert_eq!(ids(&models.read()), [""; 0]);
    assert_eq!(
        ids(&models.cfg("feature", Some("FULL_TEXT")).read()),
        ["FullText"]
    );
}

#[test]
fn conditional_derives_and_annotations() {
    let text = "#[cfg_attr(not(test), derive(expand_contract::Migrate), diesel(table_name = t))]\nstruct A {\n  id: i32,\n  #[cfg_attr(not(test), migrate(rename_from = \"old\"))] new: i32,\n  #[cfg(test)] #[migrate(rename_from = \"\")] gone: i32,\n}";
    let sources = Sources::new(&[("src/lib.rs", text)]);
    assert_eq!(sources.ids(), ["t/new"]);
}

#[test]
fn a_conditional_path() {
    let sources = Sources::new(&[
        ("src/lib.rs", "#[cfg_attr(test, path = \"gone.rs\")] #[cfg_attr(not(test), path = \"real.rs\")] mod a;"),
        ("src/real.rs", &model("Real")),
    ]);
    assert_eq!(sources.ids(), ["Real"]);
}

/// Rather one check too many, and said so.
#[test]
fn what_cargo_does_not_tell_is_reported() {
    let sources = Sources::new(&[("src/lib.rs", &format!("\n  #[cfg(loom)] {}", model("Loom")))]);
    let found = sources.tree();
    assert_eq!(ids(&found), ["Loom"]);
    assert_eq!(
        places(&found, sources.path()),
        ["src/lib.rs:2:3 unknown-cfg"]
    );
    assert_eq!(found.report().errors().count(), 0);
    let told = Models::new()
        .tree(sources.path().join("src/lib.rs"))
        .cfg("loom", None)
        .read();
    assert!(told.report().findings.is_empty());
}

//! The search for cycles on small trees.

use std::fs;

use super::*;

/// Writes a crate below `src/`, searches it, and compares the cycles, each as its files below `src/`.
#[track_caller]
fn check(tree: &[(&str, &str)], expected: &[&str]) {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("src");
    for (path, text) in tree {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let cycles = cycles_of(&folder.join("lib.rs"), &folder).unwrap();
    let found: Vec<_> = cycles
        .iter()
        .map(|text| text.split_once(": ").and_then(|(_, rest)| rest.split_once(" (")).unwrap().0)
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn two_top_level_files_that_use_each_other_are_a_cycle() {
    check(
        &[
            ("lib.rs", "mod a; mod b; pub use a::A;"),
            ("a.rs", "use crate::b::B; pub struct A(B);"),
            ("b.rs", "pub struct B; fn f() { super::a::g(); }"),
        ],
        &["b.rs -> a.rs -> b.rs"],
    );
}

#[test]
fn a_tree_without_cycles_passes() {
    check(
        &[
            ("lib.rs", "mod a; mod b; pub use self::a::A;"),
            ("a.rs", "use crate::b::B; pub struct A(B);"),
            ("b.rs", "use std::fmt; pub struct B;"),
        ],
        &[],
    );
}

#[test]
fn a_cycle_within_one_module_is_tolerated() {
    check(
        &[
            ("lib.rs", "mod a; mod c;"),
            ("a/mod.rs", "mod b; use self::b::B; pub struct A(B);"),
            ("a/b.rs", "use super::A; pub struct B;"),
            ("c.rs", "mod d; struct C(d::D);"),
            ("c/d.rs", "pub struct D; fn f(c: super::C) {}"),
        ],
        &[],
    );
}

#[test]
fn a_cycle_through_the_root_file_crosses_its_folder() {
    check(
        &[("lib.rs", "mod a; pub struct Root(a::A);"), ("a.rs", "use crate::Root; pub struct A(Box<Root>);")],
        &["lib.rs -> a.rs -> lib.rs"],
    );
}

#[test]
fn a_reexport_stands_for_the_file_that_declares_the_item() {
    check(
        &[
            ("lib.rs", "mod a; mod b; pub use a::*; pub use b::Third as B;"),
            ("a/mod.rs", "mod first; mod second; pub use self::{first::First, second::Second};"),
            ("a/first.rs", "pub struct First;"),
            ("a/second.rs", "pub struct Second(crate::B);"),
            ("b.rs", "use crate::First; pub struct Third;"),
        ],
        &[],
    );
    check(
        &[
            ("lib.rs", "mod a; mod b; pub use a::*; pub use b::Third as B;"),
            ("a/mod.rs", "mod second; pub use second::Second;"),
            ("a/second.rs", "pub struct Second(crate::B);"),
            ("b.rs", "use crate::Second; pub struct Third;"),
        ],
        &["b.rs -> a/second.rs -> b.rs"],
    );
}

#[test]
fn an_imported_module_is_followed_to_its_items() {
    check(
        &[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b; pub(crate) fn f() { b::c::g(); }"),
            ("b/mod.rs", "pub(crate) mod c;"),
            ("b/c.rs", "pub(crate) fn g() { crate::a::f(); }"),
        ],
        &["b/c.rs -> a.rs -> b/c.rs"],
    );
}

#[test]
fn paths_in_macros_and_attributes_count() {
    check(
        &[
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "fn f() { println!(\"{}\", [crate::b::B]); } pub(crate) struct A;"),
            ("b.rs", "#[derive(Debug)] #[wire(as = super::a::A)] pub(crate) struct B;"),
            ("c.rs", "use crate::a::A;"),
        ],
        &["b.rs -> a.rs -> b.rs"],
    );
}

#[test]
fn a_glob_import_reaches_what_its_module_reexports() {
    check(
        &[
            ("lib.rs", "mod a; mod b; mod prelude;"),
            ("prelude.rs", "pub(crate) use crate::b::B;"),
            ("a.rs", "use crate::prelude::*; pub(crate) struct A(B);"),
            ("b.rs", "use crate::a::A; pub(crate) struct B;"),
        ],
        &["b.rs -> a.rs -> b.rs"],
    );
}

#[test]
fn a_file_that_two_modules_include_is_one_file() {
    check(
        &[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "#[path = \"queries/mod.rs\"] mod queries; pub(crate) struct Conn;"),
            (
                "b/mod.rs",
                "#[path = \"../queries/mod.rs\"] mod queries; use queries::find; pub(crate) struct Conn;",
            ),
            ("queries/mod.rs", "mod find; pub(crate) use find::find;"),
            ("queries/find.rs", "use super::super::Conn; pub(crate) fn find(_: Conn) {}"),
        ],
        &["queries/find.rs -> b/mod.rs -> queries/find.rs"],
    );
}

#[test]
fn tests_are_left_out() {
    check(
        &[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::B; #[cfg(test)] mod tests;"),
            (
                "b.rs",
                "pub(crate) struct B; #[cfg(test)] use crate::a::A; #[cfg(test)] mod tests { use crate::a::A; } \
                 impl B { #[cfg(test)] fn f(_: crate::a::A) {} }",
            ),
        ],
        &[],
    );
}

#[test]
fn the_folders_of_a_cycle_are_counted() {
    let root = Path::new("/w/crates/x/src/lib.rs");
    let files = ["a.rs", "b/mod.rs", "b/c/d.rs", "lib.rs"].map(|file| root.with_file_name(file));
    let paths: Vec<&Path> = files.iter().map(std::path::PathBuf::as_path).collect();
    let text = describe(&paths.iter().copied().collect(), &paths[..2], root, Path::new("/w"));
    assert!(text.contains("crates/x/src/a.rs -> crates/x/src/b/mod.rs -> crates/x/src/a.rs"), "{text}");
    assert!(text.ends_with("by module: a 1, b 2, lib.rs 1)"), "{text}");
}

#[test]
fn an_exempt_crate_gets_warnings_until_it_needs_no_exemption() {
    let cycle = || BTreeSet::from(["cycle".to_owned()]);
    assert!(judge("x", cycle(), false).iter().all(Finding::is_error));
    assert!(!judge("x", cycle(), true).iter().any(Finding::is_error));
    assert!(judge("x", BTreeSet::new(), true)[0].text.starts_with("has no cycle any more"));
    assert_eq!(judge("x", BTreeSet::new(), false), []);
}

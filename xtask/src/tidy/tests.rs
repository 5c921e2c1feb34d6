//! The rules on small trees.

use std::fs;

use super::*;

/// Writes a small tree and compares the errors in it, each as its place and a part of its text.
#[track_caller]
fn check(tree: &[(&str, &str)], expected: &[(&str, &str)]) {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in tree {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let mut found = findings(root.path()).unwrap();
    found.retain(Finding::is_error);
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (finding, (place, text)) in found.iter().zip(expected) {
        assert_eq!(finding.place, *place, "{found:#?}");
        assert!(finding.text.contains(text), "{text:?} is not in {finding}");
    }
}

#[test]
fn a_tree_that_follows_the_rules_passes() {
    check(
        &[
            (
                "crates/domain/src/lib.rs",
                "//! Money.\n\n/// Not an `f64`: see `tokio::spawn`.\nstruct Usd(i64);\n",
            ),
            ("migrations/sqlite/1_start/up.sql", "CREATE TABLE t (cost BIGINT);\n"),
            ("migrations/sqlite/1_start/down.sql", "DROP TABLE t;\n"),
            ("migrations/postgres/1_start/up.sql", "CREATE TABLE t (cost BIGINT);\n"),
            ("migrations/postgres/1_start/down.sql", "DROP TABLE t;\n"),
            ("README.md", "# Title\n"),
        ],
        &[],
    );
}

#[test]
fn every_rust_file_starts_with_a_module_doc() {
    check(
        &[("a/src/x.rs", "fn main() {}\n"), ("b/src/x.rs", "//!\nfn main() {}\n")],
        &[("a/src/x.rs:1", "module doc"), ("b/src/x.rs:1", "module doc")],
    );
}

#[test]
fn long_files_are_errors_except_for_tests() {
    let lines = "fn f() {}\n".repeat(600);
    let long = format!("//! Long.\n{lines}");
    let tested = format!("//! Short.\nfn f() {{}}\n\n#[cfg(test)]\nmod tests {{\n{lines}}}\n");
    check(
        &[
            ("crates/a/src/long.rs", &long),
            ("crates/a/src/tested.rs", &tested),
            ("crates/a/tests/long.rs", &long),
            ("crates/persistence/src/schema.rs", &long),
        ],
        &[("crates/a/src/long.rs", "601 lines")],
    );
}

#[test]
fn trailing_whitespace_and_paths_of_one_machine_are_errors() {
    // In two parts, so that this file passes the check.
    let home = ["/ho", "me/ada"].concat();
    check(
        &[
            ("a.md", "one \ntwo"),
            ("b.toml", &format!("home = \"{home}\"\n")),
            ("c.md", &format!("<https://example.org{home}>\n")),
            ("crates/a/tests/data/d.md", "as received \n"),
        ],
        &[("a.md:1", "whitespace"), ("a.md:2", "newline"), ("b.toml:1", "one machine")],
    );
}

#[test]
fn restricted_items_are_errors_outside_their_files() {
    check(
        &[
            (
                "crates/domain/src/a.rs",
                "//! A.\nfn f(x: f64) {}\n#[derive(Debug, serde::Serialize)]\nstruct S;\n",
            ),
            ("crates/http/src/b.rs", "//! B.\nfn f() { tokio::spawn(g()); }\nuse x::{TurnStore};\n"),
            ("crates/http/src/dto/b.rs", "//! B.\nuse x::{Reconciliation};\nfn f(x: f32) {}\n"),
            ("crates/openrouter/src/b.rs", "//! B.\nfn f(x: f64) {}\n"),
            ("crates/permissions/src/b.rs", "//! B.\nfn f(x: f64) {}\n"),
            ("crates/persistence/src/b.rs", "//! B.\nfn f(x: f64) {}\n"),
            ("crates/runtime/src/c.rs", "//! C.\nfn f() { x.unwrap_or_else(jiff::Timestamp::now) }\n"),
            (
                "crates/runtime/src/d.rs",
                "//! D.\n#[cfg(test)]\nmod tests {\n    fn f() { Instant::now(); }\n}\n",
            ),
            ("crates/runtime/tests/e.rs", "//! E.\nfn f() { Instant::now(); }\n"),
        ],
        &[
            ("crates/domain/src/a.rs:2", "f64"),
            ("crates/domain/src/a.rs:3", "Serialize"),
            ("crates/http/src/b.rs:2", "tokio::spawn"),
            ("crates/http/src/b.rs:3", "TurnStore"),
            ("crates/http/src/dto/b.rs:2", "Reconciliation"),
            ("crates/http/src/dto/b.rs:3", "f32"),
            ("crates/openrouter/src/b.rs:2", "f64"),
            ("crates/persistence/src/b.rs:2", "f64"),
            ("crates/runtime/src/c.rs:2", "Timestamp::now"),
        ],
    );
}

#[test]
fn only_the_wiring_may_name_both_adapters() {
    let both = "//! Both.\nuse causerie_openrouter::Gateway;\nuse causerie_persistence::Store;\n";
    check(
        &[
            ("crates/server/src/main.rs", both),
            ("crates/server/src/wiring.rs", both),
            ("crates/testkit/src/app.rs", both),
        ],
        &[("crates/server/src/main.rs", "wiring.rs")],
    );
}

#[test]
fn migrations_are_the_same_for_both_databases() {
    check(
        &[
            ("migrations/sqlite/1_start/up.sql", "CREATE TABLE t (\n    cost DOUBLE PRECISION\n);\n"),
            ("migrations/sqlite/1_start/down.sql", "DROP TABLE t;\n"),
            ("migrations/postgres/1_start/up.sql", "CREATE TABLE t (cost BIGINT);\n"),
            ("migrations/postgres/2_more/up.sql", "CREATE TABLE u (share REAL);\n"),
            ("migrations/postgres/2_more/down.sql", "DROP TABLE u;\n"),
        ],
        &[
            ("migrations/sqlite/1_start/up.sql:2", "money"),
            ("migrations/postgres/1_start/down.sql", "missing"),
            ("migrations/sqlite/2_more/down.sql", "missing"),
            ("migrations/sqlite/2_more/up.sql", "missing"),
        ],
    );
}

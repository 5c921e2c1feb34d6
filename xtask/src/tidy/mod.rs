//! House rules that no compiler knows, read off the text of the files.

mod files;
mod migrations;
mod rust;
mod source;
mod text;
mod words;

use std::path::Path;

use anyhow::Result;

use crate::finding::Finding;

/// Every breach of the rules in the tree under `root`.
pub(crate) fn findings(root: &Path) -> Result<Vec<Finding>> {
    let files = files::read(root)?;
    let mut findings = Vec::new();
    for file in &files {
        findings.extend(text::findings(file));
        findings.extend(migrations::money(file));
        if file.path.ends_with(".rs") {
            findings.extend(rust::findings(file));
        }
    }
    findings.extend(words::stale(&files));
    findings.extend(migrations::folders(&files));
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Writes a small tree and compares what is found in it, as `place: first words of the text`.
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
    fn a_sound_tree_has_no_findings() {
        check(
            &[
                (
                    "crates/domain/src/lib.rs",
                    "//! Words.\n\n/// Not an `f64`: see `tokio::spawn`.\nstruct Usd(i64);\n",
                ),
                ("migrations/sqlite/1_start/up.sql", "CREATE TABLE t (cost BIGINT);\n"),
                ("migrations/sqlite/1_start/down.sql", "DROP TABLE t;\n"),
                ("migrations/postgres/1_start/up.sql", "CREATE TABLE t (cost BIGINT);\n"),
                ("migrations/postgres/1_start/down.sql", "DROP TABLE t;\n"),
                ("README.md", "# Words\n"),
            ],
            &[],
        );
    }

    #[test]
    fn every_file_says_what_it_is() {
        check(
            &[("a/src/x.rs", "fn main() {}\n"), ("b/src/x.rs", "//!\nfn main() {}\n")],
            &[("a/src/x.rs:1", "module doc"), ("b/src/x.rs:1", "module doc")],
        );
    }

    #[test]
    fn a_long_file_fails_but_tests_may_be_long() {
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
    fn text_ends_cleanly_and_speaks_of_no_ones_home() {
        // Written apart, or this file would break the rule.
        let home = ["/ho", "me/ada"].concat();
        check(
            &[
                ("a.md", "one \ntwo"),
                ("b.toml", &format!("home = \"{home}\"\n")),
                ("c.md", &format!("<https://example.org{home}>\n")),
                ("crates/a/tests/data/d.md", "kept as it came \n"),
            ],
            &[("a.md:1", "blank"), ("a.md:2", "newline"), ("b.toml:1", "one machine")],
        );
    }

    #[test]
    fn what_only_one_place_may_do_is_found_elsewhere() {
        check(
            &[
                (
                    "crates/domain/src/a.rs",
                    "//! A.\nfn f(x: f64) {}\n#[derive(Debug, serde::Serialize)]\nstruct S;\n",
                ),
                ("crates/http/src/b.rs", "//! B.\nfn f() { tokio::spawn(g()); }\nuse x::{TurnLedger};\n"),
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
                ("crates/http/src/b.rs:3", "TurnLedger"),
                ("crates/http/src/dto/b.rs:2", "Reconciliation"),
                ("crates/http/src/dto/b.rs:3", "f32"),
                ("crates/openrouter/src/b.rs:2", "f64"),
                ("crates/persistence/src/b.rs:2", "f64"),
                ("crates/runtime/src/c.rs:2", "Timestamp::now"),
            ],
        );
    }

    #[test]
    fn only_the_wiring_names_both_adapters() {
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
    fn migrations_come_in_equal_pairs() {
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
}

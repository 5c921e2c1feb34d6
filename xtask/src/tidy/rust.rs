//! Rules for Rust files.

use super::files::File;
use super::restricted_items;
use super::source;
use crate::finding::Finding;

const LONG: usize = 400;
const TOO_LONG: usize = 600;
const GENERATED: &str = "crates/persistence/src/schema.rs";

/// Checks the module doc, the length, restricted items, and which files name both adapters.
pub(super) fn findings(file: &File) -> Vec<Finding> {
    let code = source::code(file);
    let mut findings = Vec::new();
    findings.extend(missing_doc(file));
    findings.extend(too_long(file, code.lines().count()));
    findings.extend(restricted_items::findings(&file.path, &code));
    findings.extend(names_both_adapters(file, &code));
    findings
}

fn missing_doc(file: &File) -> Option<Finding> {
    let first = file.text.lines().next().unwrap_or_default();
    let is_documented = first.strip_prefix("//!").is_some_and(|text| !text.trim().is_empty());
    (!is_documented)
        .then(|| Finding::error(format!("{}:1", file.path), "does not start with a module doc (`//! …`)"))
}

fn too_long(file: &File, lines: usize) -> Option<Finding> {
    if lines <= LONG || file.path == GENERATED {
        return None;
    }
    let text =
        format!("{lines} lines without tests: more than {LONG} are a warning, more than {TOO_LONG} an error");
    let finding = if lines > TOO_LONG { Finding::error } else { Finding::warning };
    Some(finding(&file.path, text))
}

fn names_both_adapters(file: &File, code: &str) -> Option<Finding> {
    let names_both =
        ["causerie_persistence", "causerie_openrouter"].iter().all(|adapter| code.contains(adapter));
    let is_allowed = file.path == "crates/server/src/wiring.rs" || file.path.starts_with("crates/testkit/");
    (names_both && !is_allowed).then(|| {
        Finding::error(
            &file.path,
            "names both adapters: only crates/server/src/wiring.rs wires them together",
        )
    })
}

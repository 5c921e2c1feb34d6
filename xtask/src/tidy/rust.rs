//! Rules for Rust files.

use super::files::File;
use super::source;
use super::words;
use crate::finding::Finding;

const LONG: usize = 400;
const TOO_LONG: usize = 600;
const GENERATED: &str = "crates/persistence/src/schema.rs";

/// The module doc, the length, the words with a place of their own, the one place that knows both adapters.
pub(crate) fn findings(file: &File) -> Vec<Finding> {
    let code = source::code(file);
    let mut findings = Vec::new();
    findings.extend(undocumented(file));
    findings.extend(long(file, code.lines().count()));
    findings.extend(words::misplaced(&file.path, &code));
    findings.extend(wired(file, &code));
    findings
}

fn undocumented(file: &File) -> Option<Finding> {
    let first = file.text.lines().next().unwrap_or_default();
    let documented = first.strip_prefix("//!").is_some_and(|text| !text.trim().is_empty());
    (!documented)
        .then(|| Finding::error(format!("{}:1", file.path), "does not open with a module doc (`//! …`)"))
}

fn long(file: &File, lines: usize) -> Option<Finding> {
    if lines <= LONG || file.path == GENERATED {
        return None;
    }
    let text = format!("{lines} lines without tests: {LONG} is long, {TOO_LONG} is the limit");
    let finding = if lines > TOO_LONG { Finding::error } else { Finding::warning };
    Some(finding(&file.path, text))
}

fn wired(file: &File, code: &str) -> Option<Finding> {
    let knows_both =
        ["causerie_persistence", "causerie_openrouter"].iter().all(|adapter| code.contains(adapter));
    let may = file.path == "crates/server/src/wiring.rs" || file.path.starts_with("crates/testkit/");
    (knows_both && !may).then(|| {
        Finding::error(
            &file.path,
            "names both adapters: only crates/server/src/wiring.rs brings them together",
        )
    })
}

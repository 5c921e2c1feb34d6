//! Rules for every text file.

use super::files::File;
use crate::finding::Finding;

/// Where people's files live. The parts are joined here so that this file does not break its own rule.
const HOMES: [&str; 4] =
    [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/"), concat!("/wo", "rk/")];

/// Blanks at the end of lines, a missing last newline, absolute paths of somebody's machine.
pub(crate) fn findings(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(file.text.lines()) {
        let mut found = |text: String| findings.push(Finding::error(format!("{}:{number}", file.path), text));
        if line.ends_with([' ', '\t', '\r']) {
            found("ends in a blank".into());
        }
        if let Some(home) = HOMES.into_iter().find(|home| starts_a_path(line, home)) {
            found(format!("names a path under {home}, which exists on one machine only"));
        }
    }
    if !file.text.is_empty() && !file.text.ends_with('\n') {
        let place = format!("{}:{}", file.path, file.text.lines().count());
        findings.push(Finding::error(place, "the last line has no newline"));
    }
    findings
}

/// Whether `home` begins a path in the line, rather than continuing one, as in an address.
fn starts_a_path(line: &str, home: &str) -> bool {
    line.match_indices(home).any(|(at, _)| {
        !line[..at].ends_with(|before: char| before.is_alphanumeric() || "._-}".contains(before))
    })
}

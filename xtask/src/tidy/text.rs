//! Rules for every text file.

use super::files::File;
use crate::finding::Finding;

/// Folders of user accounts and work trees. The parts are joined so that this file passes its own check.
const USER_FOLDERS: [&str; 4] =
    [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/"), concat!("/wo", "rk/")];

/// Finds trailing whitespace, a missing newline at the end, and absolute paths that exist on one machine.
pub(super) fn findings(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(file.text.lines()) {
        let mut found = |text: String| findings.push(Finding::error(format!("{}:{number}", file.path), text));
        if line.ends_with([' ', '\t', '\r']) {
            found("has trailing whitespace".into());
        }
        if let Some(folder) = USER_FOLDERS.into_iter().find(|folder| starts_a_path(line, folder)) {
            found(format!("names a path below {folder}, which exists on one machine only"));
        }
    }
    if !file.text.is_empty() && !file.text.ends_with('\n') {
        let place = format!("{}:{}", file.path, file.text.lines().count());
        findings.push(Finding::error(place, "the last line has no newline"));
    }
    findings
}

/// Returns whether `folder` starts a path in the line; in an address it continues one.
fn starts_a_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        !line[..at].ends_with(|before: char| before.is_alphanumeric() || "._-}".contains(before))
    })
}

//! Rules of this repository that neither the compiler nor clippy checks.

mod commits;
mod files;
mod function_docs;
mod migrations;
mod phrases;
mod restricted_items;
mod rust;
mod source;
#[cfg(test)]
mod tests;
mod text;

use std::path::Path;

use anyhow::Result;

use crate::finding::Finding;

/// Checks the files below `root` and the commits of the branch.
pub(crate) fn findings(root: &Path) -> Result<Vec<Finding>> {
    let files = files::read(root)?;
    let mut findings = Vec::new();
    for file in &files {
        findings.extend(text::findings(file));
        findings.extend(phrases::findings(file));
        findings.extend(migrations::fractional_money(file));
        if file.path.ends_with(".rs") {
            findings.extend(rust::findings(file));
            findings.extend(function_docs::findings(file));
        }
    }
    findings.extend(restricted_items::stale_exceptions(&files));
    findings.extend(migrations::missing(&files));
    findings.extend(commits::findings(root));
    Ok(findings)
}

//! Which package may depend on which: the arrows between ours, and the rooms of foreign crates.

mod circles;
mod manifests;
mod rooms;

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::Package;

use crate::cargo;
use crate::finding::Finding;
use crate::workspace::Workspace;

/// The library that other services link, and what must not come with it.
const LINKED: &str = "causerie-runtime";
const NEVER_LINKED: [&str; 4] = ["actix", "diesel", "libsqlite3-sys", "reqwest"];

/// Every arrow, fence and manifest that is not as `rooms` has it.
pub(crate) fn findings(workspace: &Workspace) -> Result<Vec<Finding>> {
    let mut findings: Vec<_> = workspace.packages.iter().flat_map(arrows).collect();
    findings.extend(manifests::findings(workspace)?);
    findings.extend(circles::findings(workspace)?);
    findings.extend(linked(&workspace.root)?);
    Ok(findings)
}

fn arrows(package: &Package) -> Vec<Finding> {
    let name = package.name.as_str();
    if rooms::room(name).is_none() {
        return vec![Finding::error(name, "has no floor: give it a room in xtask/src/layers/rooms.rs")];
    }
    let refusals = package
        .dependencies
        .iter()
        .filter_map(|dependency| rooms::refusal(name, &dependency.name, dependency.kind));
    refusals.map(|text| Finding::error(name, text)).collect()
}

/// Declared arrows cannot say what comes along transitively; Cargo's own resolution can.
fn linked(root: &Path) -> Result<Vec<Finding>> {
    let mut command = Command::new("cargo");
    command.args(["tree", "--package", LINKED, "--edges", "normal", "--all-features"]);
    command.args(["--prefix", "none", "--format", "{p}"]).current_dir(root);
    let output = command.output().with_context(|| format!("cannot run `{}`", cargo::line(&command)))?;
    ensure!(
        output.status.success(),
        "`{}` failed: {}",
        cargo::line(&command),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(unwanted(&String::from_utf8(output.stdout)?))
}

/// Reads the lines of `cargo tree`, each a package's name and version.
fn unwanted(tree: &str) -> Vec<Finding> {
    let mut packages: Vec<_> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    packages.sort_unstable();
    packages.dedup();
    packages.retain(|package| NEVER_LINKED.iter().any(|family| rooms::is_of(package, family)));
    packages
        .into_iter()
        .map(|package| Finding::error(LINKED, format!("links {package}, which its users must not get")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_runtime_links_is_judged_by_family() {
        let tree =
            "causerie-runtime v0.1.0 (/somewhere)\nactix-rt v2.10.0\nserde v1.0.0\nactix-rt v2.10.0 (*)\n";
        let texts: Vec<_> = unwanted(tree).into_iter().map(|finding| finding.text).collect();
        assert_eq!(texts, ["links actix-rt, which its users must not get"]);
    }
}

//! Dependencies between crates, and between the files of a crate.

mod cycles;
mod manifests;
mod policy;

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::Package;

use crate::cargo;
use crate::finding::Finding;
use crate::workspace::Workspace;

/// The library that other services link.
const EMBEDDED: &str = "causerie-runtime";
/// Families of foreign crates that the library must not link, directly or through others.
const NEVER_EMBEDDED: [&str; 4] = ["actix", "diesel", "libsqlite3-sys", "reqwest"];

/// Checks dependencies against the policy, manifests, cycles of files, and what the embedded library links.
pub(crate) fn findings(workspace: &Workspace) -> Result<Vec<Finding>> {
    let mut findings: Vec<_> = workspace.packages.iter().flat_map(dependencies).collect();
    findings.extend(manifests::findings(workspace)?);
    findings.extend(cycles::findings(workspace)?);
    findings.extend(embedded(&workspace.root)?);
    Ok(findings)
}

fn dependencies(package: &Package) -> Vec<Finding> {
    let name = package.name.as_str();
    if policy::find(name).is_none() {
        return vec![Finding::error(name, "has no layer: add it to xtask/src/layers/policy.rs")];
    }
    let refusals = package
        .dependencies
        .iter()
        .filter_map(|dependency| policy::refusal(name, &dependency.name, dependency.kind));
    refusals.map(|text| Finding::error(name, text)).collect()
}

/// Checks the transitive dependencies of the embedded library, as Cargo resolves them.
fn embedded(root: &Path) -> Result<Vec<Finding>> {
    let mut command = Command::new("cargo");
    command.args(["tree", "--package", EMBEDDED, "--edges", "normal", "--all-features"]);
    command.args(["--prefix", "none", "--format", "{p}"]).current_dir(root);
    let output = command.output().with_context(|| format!("cannot run `{}`", cargo::line(&command)))?;
    ensure!(
        output.status.success(),
        "`{}` failed: {}",
        cargo::line(&command),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(refused_packages(&String::from_utf8(output.stdout)?))
}

/// Reads the lines of `cargo tree`, each a package's name and version.
fn refused_packages(tree: &str) -> Vec<Finding> {
    let mut packages: Vec<_> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    packages.sort_unstable();
    packages.dedup();
    packages.retain(|package| NEVER_EMBEDDED.iter().any(|family| policy::is_in_family(package, family)));
    packages
        .into_iter()
        .map(|package| {
            Finding::error(EMBEDDED, format!("links {package}, which it must not bring to its users"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_library_is_checked_by_family() {
        let tree =
            "causerie-runtime v0.1.0 (/somewhere)\nactix-rt v2.10.0\nserde v1.0.0\nactix-rt v2.10.0 (*)\n";
        let texts: Vec<_> = refused_packages(tree).into_iter().map(|finding| finding.text).collect();
        assert_eq!(texts, ["links actix-rt, which it must not bring to its users"]);
    }
}

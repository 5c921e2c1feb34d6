//! Settings and dependencies that a manifest must inherit from the workspace.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use toml::{Table, Value};

use crate::finding::Finding;
use crate::workspace::Workspace;

const INHERITED: [&str; 4] = ["version", "edition", "rust-version", "license"];
const DEPENDENCY_TABLES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// Checks the manifest of every member.
pub(crate) fn findings(workspace: &Workspace) -> Result<Vec<Finding>> {
    let mut manifests = BTreeMap::new();
    let mut findings = Vec::new();
    for package in &workspace.packages {
        let path = package.manifest_path.as_std_path();
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        findings.extend(wrong_folder(&package.name, path));
        manifests.insert(package.name.to_string(), text.parse()?);
    }
    findings.extend(check_inheritance(&manifests));
    Ok(findings)
}

fn wrong_folder(name: &str, manifest: &Path) -> Option<Finding> {
    let folder = manifest.parent()?.file_name()?;
    let expected = name.strip_prefix("causerie-").unwrap_or(name);
    (folder != expected).then(|| Finding::error(name, format!("its folder must be called {expected}")))
}

fn check_inheritance(manifests: &BTreeMap<String, Table>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut uses: BTreeMap<&str, Vec<(&str, bool)>> = BTreeMap::new();
    for (package, manifest) in manifests {
        findings.extend(not_inherited(package, manifest));
        for (dependency, value) in dependencies(manifest) {
            uses.entry(dependency).or_default().push((package, inherits(Some(value))));
        }
    }
    for (dependency, mut users) in uses {
        users.sort_unstable();
        let shared = users.iter().any(|(package, _)| *package != users[0].0);
        let not_inherited = users.iter().filter(|(_, inherits)| shared && !inherits);
        findings.extend(not_inherited.map(|(package, _)| {
            Finding::error(*package, format!("{dependency} has several users: inherit it from the workspace"))
        }));
    }
    findings
}

fn not_inherited<'a>(package: &'a str, manifest: &'a Table) -> impl Iterator<Item = Finding> + 'a {
    let section = manifest.get("package");
    let keys =
        INHERITED.into_iter().filter(move |key| !inherits(section.and_then(|section| section.get(key))));
    let lints = (!inherits(manifest.get("lints"))).then_some("lints");
    keys.chain(lints).map(move |key| Finding::error(package, format!("{key} must come from the workspace")))
}

fn inherits(value: Option<&Value>) -> bool {
    value.and_then(|value| value.get("workspace")).and_then(Value::as_bool) == Some(true)
}

/// Returns the dependencies of every kind and platform.
fn dependencies(manifest: &Table) -> impl Iterator<Item = (&str, &Value)> {
    let platforms = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let tables = std::iter::once(manifest).chain(platforms.filter_map(Value::as_table));
    tables
        .flat_map(|table| DEPENDENCY_TABLES.into_iter().filter_map(|name| table.get(name)?.as_table()))
        .flatten()
        .map(|(name, value)| (name.as_str(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INHERITING: &str = "\
        lints.workspace = true\n\
        package = { version.workspace = true, edition.workspace = true, \
                    rust-version.workspace = true, license.workspace = true }\n";

    #[track_caller]
    fn check(manifests: &[(&str, &str)], expected: &[&str]) {
        let tables = manifests
            .iter()
            .map(|(name, extra)| ((*name).to_owned(), format!("{INHERITING}{extra}").parse().unwrap()))
            .collect();
        let found: Vec<_> = check_inheritance(&tables)
            .iter()
            .map(|finding| format!("{}: {}", finding.place, finding.text))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_shared_dependency_is_inherited_from_the_workspace() {
        check(&[("a", "dependencies.x = '1'")], &[]);
        check(&[("a", "dependencies.x = '1'\ndev-dependencies.x = '1'")], &[]);
        check(
            &[
                ("a", "dependencies.x.workspace = true"),
                ("b", "[target.'cfg(unix)'.dev-dependencies]\nx = { version = '1' }"),
            ],
            &["b: x has several users: inherit it from the workspace"],
        );
        check(
            &[("a", "dependencies.x.workspace = true"), ("b", "dependencies.x = { workspace = true }")],
            &[],
        );
    }

    #[test]
    fn settings_that_are_not_inherited_are_found() {
        let manifest = "package = { version = '1', edition.workspace = true, license.workspace = true }";
        let found: Vec<_> =
            not_inherited("a", &manifest.parse().unwrap()).map(|finding| finding.text).collect();
        assert_eq!(
            found,
            [
                "version must come from the workspace",
                "rust-version must come from the workspace",
                "lints must come from the workspace"
            ]
        );
    }

    #[test]
    fn a_folder_has_the_name_of_its_package() {
        assert_eq!(wrong_folder("causerie-domain", Path::new("crates/domain/Cargo.toml")), None);
        assert!(wrong_folder("causerie-domain", Path::new("crates/words/Cargo.toml")).is_some());
    }
}

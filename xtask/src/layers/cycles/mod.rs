//! Cycles of files that cross the folder of a module.
//!
//! A top-level module is one folder, and so is a top-level file, the root file included. Files of one folder may
//! refer to each other in cycles; files of different folders may not.

mod cfg;
mod graph;
mod modules;
mod names;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use cargo_metadata::TargetKind;

use self::graph::Graph;
use self::modules::Modules;
use crate::finding::Finding;
use crate::workspace::Workspace;

/// Crates whose cycles are warnings until they are resolved.
const EXEMPT: &[&str] = &[];

/// Searches the library and the binaries of every package.
///
/// # Errors
/// A source file cannot be read or parsed.
pub(super) fn findings(workspace: &Workspace) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for package in &workspace.packages {
        let mut cycles = BTreeSet::new();
        let targets = package.targets.iter().filter(|target| is_linked(&target.kind));
        for target in targets {
            cycles.extend(cycles_of(target.src_path.as_std_path(), &workspace.root)?);
        }
        findings.extend(judge(&package.name, cycles, EXEMPT.contains(&package.name.as_str())));
    }
    Ok(findings)
}

fn is_linked(kinds: &[TargetKind]) -> bool {
    kinds.iter().any(|kind| matches!(kind, TargetKind::Lib | TargetKind::Bin | TargetKind::ProcMacro))
}

fn judge(package: &str, cycles: BTreeSet<String>, is_exempt: bool) -> Vec<Finding> {
    if is_exempt && cycles.is_empty() {
        let text = "has no cycle any more: remove it from EXEMPT in xtask/src/layers/cycles/mod.rs";
        return vec![Finding::warning(package, text)];
    }
    let finding = if is_exempt { Finding::warning } else { Finding::error };
    cycles.into_iter().map(|cycle| finding(package, cycle)).collect()
}

/// Describes each strongly connected component that reaches over several folders.
fn cycles_of(root_file: &Path, workspace: &Path) -> Result<Vec<String>> {
    let modules = Modules::load(root_file)?;
    let graph = modules.edges();
    let crossing = graph::components(&graph).into_iter().filter_map(|component| {
        let within = restrict(&graph, &component);
        let crosses = |from, to| folder(from, root_file) != folder(to, root_file);
        let cycle = graph::shortest_cycle(&within, crosses)?;
        Some(describe(&component, &cycle, root_file, workspace))
    });
    Ok(crossing.collect())
}

fn restrict<'a>(graph: &Graph<&'a Path>, component: &BTreeSet<&'a Path>) -> Graph<&'a Path> {
    let within = graph.iter().filter(|(from, _)| component.contains(*from));
    within.map(|(from, targets)| (*from, targets.intersection(component).copied().collect())).collect()
}

/// Returns the name of the top-level module that a file belongs to.
fn folder(file: &Path, root_file: &Path) -> String {
    let path = root_file.parent().and_then(|root| file.strip_prefix(root).ok()).unwrap_or(file);
    let first = path.components().next().map(|part| Path::new(part.as_os_str()));
    let name = if file == root_file { path.file_name() } else { first.and_then(Path::file_stem) };
    name.unwrap_or_default().to_string_lossy().into_owned()
}

fn describe(component: &BTreeSet<&Path>, cycle: &[&Path], root_file: &Path, workspace: &Path) -> String {
    let shown = |path: &Path| path.strip_prefix(workspace).unwrap_or(path).display().to_string();
    let mut steps: Vec<_> = cycle.iter().map(|path| shown(path)).collect();
    steps.extend(steps.first().cloned());

    let mut sizes: BTreeMap<String, usize> = BTreeMap::new();
    for file in component {
        *sizes.entry(folder(file, root_file)).or_default() += 1;
    }
    let sizes: Vec<_> = sizes.into_iter().map(|(folder, files)| format!("{folder} {files}")).collect();
    format!(
        "files refer to each other in a cycle across modules: {} (files in cycles with these, by module: {})",
        steps.join(" -> "),
        sizes.join(", ")
    )
}

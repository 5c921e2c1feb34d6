//! Files of the repository that the program generates: the OpenAPI document and the schema of tool definitions.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::cargo;
use crate::finding::Finding;
use crate::workspace::Workspace;

const OPENAPI: &str = "docs/openapi.json";
const TOOL_FOLDER: &str = "tool-definitions";
const TOOL_SCHEMA: &str = "tool-definitions/tool.schema.json";

/// Compares the OpenAPI document in the repository with the one that the program writes.
pub(crate) fn openapi(workspace: &Workspace) -> Result<Vec<Finding>> {
    let causerie = cargo::build_programs(&workspace.root)?.causerie;
    let current = output(&causerie, &["openapi"], &workspace.root)?;
    Ok(difference(&workspace.root, OPENAPI, &current, "run `cargo xtask openapi`").into_iter().collect())
}

/// Writes the OpenAPI document.
pub(crate) fn write_openapi(workspace: &Workspace) -> Result<()> {
    let causerie = cargo::build_programs(&workspace.root)?.causerie;
    let current = output(&causerie, &["openapi"], &workspace.root)?;
    fs::write(workspace.root.join(OPENAPI), current).with_context(|| format!("cannot write {OPENAPI}"))?;
    println!("wrote {OPENAPI}");
    Ok(())
}

/// Checks every tool definition, and compares the schema in the repository with the one that the program writes.
pub(crate) fn tools(workspace: &Workspace) -> Result<Vec<Finding>> {
    let causerie = cargo::build_programs(&workspace.root)?.causerie;
    let mut findings = Vec::new();

    let mut check = Command::new(&causerie);
    check.args(["tools", "check", TOOL_FOLDER]).current_dir(&workspace.root);
    if !cargo::status(&mut check)?.success() {
        findings.push(Finding::error(TOOL_FOLDER, "a tool definition is invalid (see above)"));
    }

    let current = output(&causerie, &["tools", "schema"], &workspace.root)?;
    let remedy = format!("run `causerie tools schema >{TOOL_SCHEMA}`");
    findings.extend(difference(&workspace.root, TOOL_SCHEMA, &current, &remedy));
    Ok(findings)
}

/// Runs a program and returns its standard output; standard error is inherited.
fn output(program: &Path, arguments: &[&str], root: &Path) -> Result<String> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root).stderr(Stdio::inherit());
    let output = command.output().with_context(|| format!("cannot run `{}`", cargo::line(&command)))?;
    ensure!(output.status.success(), "`{}` failed", cargo::line(&command));
    Ok(String::from_utf8(output.stdout)?)
}

/// Compares a file with the current text; the finding names the first line that differs.
fn difference(root: &Path, path: &str, current: &str, remedy: &str) -> Option<Finding> {
    let Ok(kept) = fs::read_to_string(root.join(path)) else {
        return Some(Finding::error(path, format!("cannot be read; {remedy}")));
    };
    if kept == current {
        return None;
    }
    let same = kept.lines().zip(current.lines()).take_while(|(kept, current)| kept == current).count();
    Some(Finding::error(format!("{path}:{}", same + 1), format!("is out of date; {remedy}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_must_exist_and_equal_the_current_text() -> Result<()> {
        let root = tempfile::tempdir()?;
        fs::write(root.path().join("kept"), "one\ntwo\n")?;
        let place = |path: &str, current: &str| {
            difference(root.path(), path, current, "run it").map(|finding| finding.place)
        };

        assert_eq!(place("kept", "one\ntwo\n"), None);
        assert_eq!(place("kept", "one\n2\n").as_deref(), Some("kept:2"));
        assert_eq!(place("kept", "one\ntwo").as_deref(), Some("kept:3"));
        assert_eq!(place("absent", "one\n").as_deref(), Some("absent"));
        Ok(())
    }
}

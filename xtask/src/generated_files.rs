//! Files of the repository that the program generates: the OpenAPI document, the reference of error codes, and the
//! schema of tool definitions.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::cargo;
use crate::finding::Finding;
use crate::workspace::Workspace;

const TOOL_FOLDER: &str = "tool-definitions";
const TOOL_SCHEMA: &str = "tool-definitions/tool.schema.json";

/// A file that a command of the program prints. The task of xtask that writes it has the name of the command.
#[derive(Debug)]
pub(crate) struct Document {
    command: &'static str,
    path: &'static str,
}

/// The OpenAPI document.
pub(crate) const OPENAPI: Document = Document { command: "openapi", path: "docs/openapi.json" };
/// The reference of error codes.
pub(crate) const ERRORS: Document = Document { command: "errors", path: "docs/errors.md" };

impl Document {
    /// Compares the file with the output of the program.
    pub(crate) fn check(&self, workspace: &Workspace) -> Result<Vec<Finding>> {
        let remedy = format!("run `cargo xtask {}`", self.command);
        Ok(difference(&workspace.root, self.path, &self.current(workspace)?, &remedy).into_iter().collect())
    }

    /// Writes the file.
    pub(crate) fn write(&self, workspace: &Workspace) -> Result<()> {
        let path = workspace.root.join(self.path);
        fs::write(path, self.current(workspace)?).with_context(|| format!("cannot write {}", self.path))?;
        println!("wrote {}", self.path);
        Ok(())
    }

    fn current(&self, workspace: &Workspace) -> Result<String> {
        let causerie = cargo::build_programs(&workspace.root)?.causerie;
        output(&causerie, &[self.command], &workspace.root)
    }
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

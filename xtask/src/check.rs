//! `cargo xtask check`: runs every check and summarizes the results.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use crate::cargo;
use crate::finding::Finding;
use crate::options::Options;
use crate::workspace::Workspace;
use crate::{generated_files, layers, limits, migrations, packages, tidy};

/// A check; each is also a command of its own.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum Check {
    /// Check the formatting with rustfmt.
    Fmt,
    /// Check the dependencies between crates and between the files of a crate.
    Layers,
    /// Compare the table of limits with the sources.
    Limits,
    /// Check text files and commit subjects against the rules of this repository.
    Tidy,
    /// Check versions, licences and sources of all packages with cargo-deny.
    Packages,
    /// Run clippy; warnings are errors.
    Clippy,
    /// Check the tool definitions and their schema.
    Tools,
    /// Compare `docs/openapi.json` with the document that the program writes.
    #[command(skip)]
    Openapi,
    /// Compare `docs/errors.md` with the page that the program writes.
    #[command(skip)]
    Errors,
    /// Apply and revert the migrations of both databases and compare the resulting tables.
    Migrations,
}

/// All checks, quick ones first.
pub(crate) const ALL: [Check; 10] = [
    Check::Fmt,
    Check::Layers,
    Check::Limits,
    Check::Tidy,
    Check::Packages,
    Check::Clippy,
    Check::Tools,
    Check::Openapi,
    Check::Errors,
    Check::Migrations,
];

impl Check {
    fn name(self) -> &'static str {
        match self {
            Check::Fmt => "fmt",
            Check::Layers => "layers",
            Check::Limits => "limits",
            Check::Tidy => "tidy",
            Check::Packages => "packages",
            Check::Clippy => "clippy",
            Check::Tools => "tools",
            Check::Openapi => "openapi",
            Check::Errors => "errors",
            Check::Migrations => "migrations",
        }
    }

    fn findings(self, workspace: &Workspace, options: &Options) -> Result<Vec<Finding>> {
        match self {
            Check::Fmt => fmt(workspace),
            Check::Layers => layers::findings(workspace),
            Check::Limits => limits::findings(&workspace.root),
            Check::Tidy => tidy::findings(&workspace.root),
            Check::Packages => packages::findings(workspace, options),
            Check::Clippy => clippy(workspace),
            Check::Tools => generated_files::tools(workspace),
            Check::Openapi => generated_files::OPENAPI.check(workspace),
            Check::Errors => generated_files::ERRORS.check(workspace),
            Check::Migrations => migrations::findings(workspace, options),
        }
    }
}

/// Runs checks in order, prints their findings and a summary. One failing check does not stop the others.
pub(crate) fn run(checks: &[Check], workspace: &Workspace, options: &Options) -> ExitCode {
    let mut summary = Vec::new();
    let mut failed = false;
    for check in checks {
        println!("── {}", check.name());
        let findings = check
            .findings(workspace, options)
            .unwrap_or_else(|error| vec![Finding::error(check.name(), format!("cannot run: {error:#}"))]);
        for finding in &findings {
            println!("{finding}");
        }
        failed |= findings.iter().any(Finding::is_error);
        summary.push(format!("{:<12}{}", check.name(), verdict(&findings)));
    }
    println!("── summary\n{}", summary.join("\n"));
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn verdict(findings: &[Finding]) -> String {
    let errors = findings.iter().filter(|finding| finding.is_error()).count();
    match (errors, findings.len() - errors) {
        (0, 0) => "passed".into(),
        (0, warnings) => format!("passed, warnings: {warnings}"),
        (errors, 0) => format!("FAILED, errors: {errors}"),
        (errors, warnings) => format!("FAILED, errors: {errors}, warnings: {warnings}"),
    }
}

fn fmt(workspace: &Workspace) -> Result<Vec<Finding>> {
    let mut command = std::process::Command::new("cargo");
    command.args(["fmt", "--all", "--check"]).current_dir(&workspace.root);
    let is_formatted = cargo::status(&mut command)?.success();
    Ok(if is_formatted {
        Vec::new()
    } else {
        vec![Finding::error("workspace", "not formatted; run `cargo fmt --all`")]
    })
}

fn clippy(workspace: &Workspace) -> Result<Vec<Finding>> {
    let mut command = cargo::on_workspace(&workspace.root, &["clippy", "--all-targets"]);
    command.args(["--", "--deny", "warnings"]);
    let passed = cargo::status(&mut command)?.success();
    Ok(if passed {
        Vec::new()
    } else {
        vec![Finding::error("workspace", "clippy reports warnings or errors (see above)")]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_counts_errors_and_warnings_separately() {
        #[track_caller]
        fn check(findings: &[Finding], expected: &str) {
            assert_eq!(verdict(findings), expected);
        }

        let error = Finding::error("here", "wrong");
        let warning = Finding::warning("there", "odd");
        check(&[], "passed");
        check(std::slice::from_ref(&warning), "passed, warnings: 1");
        check(std::slice::from_ref(&error), "FAILED, errors: 1");
        check(&[error.clone(), warning, error], "FAILED, errors: 2, warnings: 1");
    }
}

//! `cargo xtask check`: every check runs, whatever the others found.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use crate::cargo;
use crate::finding::Finding;
use crate::workspace::Workspace;
use crate::{documents, layers, migrations, postgres, tidy};

/// A check that can also be called alone.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum Check {
    /// Formatting, by rustfmt.
    Fmt,
    /// Which package may depend on which, ours and foreign.
    Layers,
    /// House rules that no compiler knows.
    Tidy,
    /// Lints, by clippy, with warnings denied.
    Clippy,
    /// The tool definitions are sound and their schema is the code's.
    Tools,
    /// `docs/openapi.json` is the document the code has.
    #[command(skip)]
    Openapi,
    /// Migrations of both databases apply, revert and apply again, to the same tables.
    Migrations,
}

/// Every check, the quick ones first.
pub(crate) const ALL: [Check; 7] =
    [Check::Fmt, Check::Layers, Check::Tidy, Check::Clippy, Check::Tools, Check::Openapi, Check::Migrations];

impl Check {
    fn name(self) -> &'static str {
        match self {
            Check::Fmt => "fmt",
            Check::Layers => "layers",
            Check::Tidy => "tidy",
            Check::Clippy => "clippy",
            Check::Tools => "tools",
            Check::Openapi => "openapi",
            Check::Migrations => "migrations",
        }
    }

    fn findings(self, workspace: &Workspace, postgres: &postgres::Options) -> Result<Vec<Finding>> {
        match self {
            Check::Fmt => fmt(workspace),
            Check::Layers => layers::findings(workspace),
            Check::Tidy => tidy::findings(&workspace.root),
            Check::Clippy => clippy(workspace),
            Check::Tools => documents::tools(workspace),
            Check::Openapi => documents::openapi(workspace),
            Check::Migrations => migrations::findings(workspace, postgres),
        }
    }
}

/// Runs checks one after the other, prints what each found, and sums up.
pub(crate) fn run(checks: &[Check], workspace: &Workspace, postgres: &postgres::Options) -> ExitCode {
    let mut summary = Vec::new();
    let mut failed = false;
    for check in checks {
        println!("── {}", check.name());
        let findings = check
            .findings(workspace, postgres)
            .unwrap_or_else(|error| vec![Finding::error(check.name(), format!("cannot be run: {error:#}"))]);
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
    let tidy = cargo::status(&mut command)?.success();
    Ok(if tidy { Vec::new() } else { vec![Finding::error("workspace", "`cargo fmt --all` changes files")] })
}

fn clippy(workspace: &Workspace) -> Result<Vec<Finding>> {
    let mut command = cargo::on_everything(&workspace.root, &["clippy", "--all-targets"]);
    command.args(["--", "--deny", "warnings"]);
    let clean = cargo::status(&mut command)?.success();
    Ok(if clean {
        Vec::new()
    } else {
        vec![Finding::error("workspace", "clippy is not content (see above)")]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_counts_errors_and_warnings_apart() {
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

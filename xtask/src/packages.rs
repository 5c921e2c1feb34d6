//! The check of all packages in `Cargo.lock` by cargo-deny, as configured in `deny.toml`.

use std::process::{Command, Stdio};

use anyhow::Result;

use crate::cargo;
use crate::finding::Finding;
use crate::options::Options;
use crate::workspace::Workspace;

const NOT_RUN: &str = "cargo-deny is not installed, nothing was checked (cargo install --locked cargo-deny)";

/// Checks versions, licences and sources. Advisories need a network and are left to the hosted workflow.
pub(crate) fn findings(workspace: &Workspace, options: &Options) -> Result<Vec<Finding>> {
    if !is_installed() {
        let finding = if options.ci { Finding::error } else { Finding::warning };
        return Ok(vec![finding("Cargo.lock", NOT_RUN)]);
    }
    let mut command = Command::new("cargo");
    command.args(["deny", "--locked", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"]);
    let passed = cargo::status(command.current_dir(&workspace.root))?.success();
    Ok(if passed {
        Vec::new()
    } else {
        vec![Finding::error("Cargo.lock", "cargo-deny refuses it (see above)")]
    })
}

fn is_installed() -> bool {
    let mut probe = Command::new("cargo");
    probe.args(["deny", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}

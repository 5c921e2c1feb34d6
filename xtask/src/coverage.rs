//! `cargo xtask coverage`: measures line coverage per crate and compares it with a minimum.
//!
//! It runs the tests of `cargo xtask test` in an instrumented build, takes many minutes and is not part of CI. The
//! lines of unit tests are counted as well, because they are in the measured files.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::cargo;
use crate::options::Options;
use crate::postgres::{self, Database};
use crate::workspace::Workspace;

/// The crates that must reach the minimum.
const MEASURED: [&str; 7] =
    ["runtime", "persistence", "memory-store", "tool-definitions", "openrouter", "usage", "http"];
/// The required share of covered lines in percent.
const MINIMUM: u64 = 85;

/// The executable lines of a crate, and how many of them were run.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Lines {
    count: u64,
    covered: u64,
}

/// Runs the tests under `cargo llvm-cov` and prints the coverage of each crate.
///
/// # Errors
/// A test fails, `cargo llvm-cov` cannot be installed, or its report cannot be read.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    install_llvm_cov()?;
    let database = postgres::provide(options)?;
    if let Database::Absent = database {
        bail!("{}; without it half of the persistence crate is not measured", postgres::NOT_RUN);
    }
    let root = &workspace.root;
    let mut tests = cargo::on_workspace(root, &["llvm-cov", "nextest", "--no-report"]);
    database.configure(&mut tests);
    ensure!(cargo::status(&mut tests)?.success(), "`{}` failed (see above)", cargo::line(&tests));

    let mut report = Command::new("cargo");
    report.args(["llvm-cov", "report", "--json", "--summary-only"]).current_dir(root);
    let output = report.stderr(Stdio::inherit()).output().context("cannot run cargo llvm-cov")?;
    ensure!(output.status.success(), "`{}` failed", cargo::line(&report));
    let report: Value = serde_json::from_slice(&output.stdout).context("the report is not JSON")?;

    let crates = by_crate(&report, root)?;
    let mut is_low = false;
    for name in MEASURED {
        let lines = crates.get(name).copied().unwrap_or_default();
        let verdict = if lines.is_low() { "TOO LOW" } else { "" };
        is_low |= lines.is_low();
        println!("{name:<18}{:>6.1} % of {:>6} lines  {verdict}", lines.share(), lines.count);
    }
    Ok(if is_low { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Installs `cargo llvm-cov` and the toolchain component that it needs, unless they are there.
fn install_llvm_cov() -> Result<()> {
    let mut probe = Command::new("cargo");
    probe.args(["llvm-cov", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    if probe.status().is_ok_and(|status| status.success()) {
        return Ok(());
    }
    for (program, arguments) in [
        ("rustup", &["component", "add", "llvm-tools"][..]),
        ("cargo", &["install", "cargo-llvm-cov", "--locked"][..]),
    ] {
        let mut install = Command::new(program);
        install.args(arguments);
        println!("── {}", cargo::line(&install));
        ensure!(cargo::status(&mut install)?.success(), "`{}` failed (see above)", cargo::line(&install));
    }
    Ok(())
}

/// Returns the lines in `src` of each folder below `crates`.
fn by_crate(report: &Value, root: &Path) -> Result<BTreeMap<String, Lines>> {
    let files = report["data"][0]["files"].as_array().context("the report has no files")?;
    let mut crates: BTreeMap<String, Lines> = BTreeMap::new();
    for file in files {
        let name = file["filename"].as_str().context("a file of the report has no name")?;
        let Ok(path) = Path::new(name).strip_prefix(root) else { continue };
        let mut parts = path.iter().filter_map(|part| part.to_str());
        let (Some("crates"), Some(folder), Some("src")) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let lines = &file["summary"]["lines"];
        let sum = crates.entry(folder.to_owned()).or_default();
        sum.count += lines["count"].as_u64().context("a file of the report has no line count")?;
        sum.covered += lines["covered"].as_u64().context("a file of the report has no covered lines")?;
    }
    Ok(crates)
}

impl Lines {
    /// Returns the covered share in percent; 0 for a crate without lines.
    fn share(self) -> f64 {
        if self.count == 0 { 0.0 } else { self.covered as f64 * 100.0 / self.count as f64 }
    }

    fn is_low(self) -> bool {
        self.count == 0 || self.covered * 100 < self.count * MINIMUM
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_are_summed_by_crate_and_compared_with_the_minimum() {
        let file = |name: &str, count: u64, covered: u64| json!({"filename": name, "summary": {"lines": {"count": count, "covered": covered}}});
        let report = json!({"data": [{"files": [
            file("/w/crates/http/src/a.rs", 100, 90),
            file("/w/crates/http/src/b/c.rs", 100, 80),
            file("/w/crates/http/tests/d.rs", 100, 0),
            file("/elsewhere/crates/http/src/e.rs", 100, 0),
            file("/w/crates/usage/src/f.rs", 100, 84),
        ]}]});
        let crates = by_crate(&report, Path::new("/w")).unwrap();
        assert_eq!(crates["http"], Lines { count: 200, covered: 170 });
        assert!(!crates["http"].is_low() && crates["usage"].is_low() && Lines::default().is_low());
    }
}

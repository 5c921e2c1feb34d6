//! `cargo xtask coverage`: which lines the tests run, per crate, and a floor beneath it.
//!
//! The tests are those of `cargo xtask test`, on a private PostgreSQL server, in a build of their own. It takes many
//! minutes and is no part of CI. Unit tests stand in the files that they test, and their own lines count, too.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::cargo;
use crate::postgres::{self, Database};
use crate::workspace::Workspace;

/// The crates that the floor is beneath.
const MEASURED: [&str; 5] = ["runtime", "persistence", "openrouter", "usage", "http"];
/// The least share of lines in percent.
const FLOOR: u64 = 85;

/// Lines of a crate that there are, and that were run.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Lines {
    count: u64,
    covered: u64,
}

/// Runs the tests under `cargo llvm-cov` and judges each crate.
///
/// # Errors
/// A test fails, the tool cannot be had, or its report cannot be read.
pub(crate) fn run(workspace: &Workspace, options: &postgres::Options) -> Result<ExitCode> {
    provide_tool()?;
    let database = postgres::provide(options)?;
    if let Database::Absent = database {
        bail!("{}; without it the persistence crate is measured by half", postgres::NOT_RUN);
    }
    let root = &workspace.root;
    let mut tests = cargo::on_everything(root, &["llvm-cov", "nextest", "--no-report"]);
    database.tell(&mut tests);
    ensure!(cargo::status(&mut tests)?.success(), "`{}` failed (see above)", cargo::line(&tests));

    let mut report = Command::new("cargo");
    report.args(["llvm-cov", "report", "--json", "--summary-only"]).current_dir(root);
    let output = report.stderr(Stdio::inherit()).output().context("cargo llvm-cov cannot be run")?;
    ensure!(output.status.success(), "`{}` failed", cargo::line(&report));
    let report: Value = serde_json::from_slice(&output.stdout).context("the report is no JSON")?;

    let crates = by_crate(&report, root)?;
    let mut is_low = false;
    for name in MEASURED {
        let lines = crates.get(name).copied().unwrap_or_default();
        let verdict = if lines.is_low() { "TOO LOW" } else { "" };
        is_low |= lines.is_low();
        println!("{name:<12}{:>6.1} % of {:>6} lines  {verdict}", lines.share(), lines.count);
    }
    Ok(if is_low { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Installs the tool where it is missing, together with the part of the toolchain that it needs.
fn provide_tool() -> Result<()> {
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

/// The lines of each folder below `crates`, without its `tests` and `benches`.
fn by_crate(report: &Value, root: &Path) -> Result<BTreeMap<String, Lines>> {
    let files = report["data"][0]["files"].as_array().context("the report names no files")?;
    let mut crates: BTreeMap<String, Lines> = BTreeMap::new();
    for file in files {
        let name = file["filename"].as_str().context("a file has a name")?;
        let Ok(path) = Path::new(name).strip_prefix(root) else { continue };
        let mut parts = path.iter().filter_map(|part| part.to_str());
        let (Some("crates"), Some(of), Some("src")) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let lines = &file["summary"]["lines"];
        let sum = crates.entry(of.to_owned()).or_default();
        sum.count += lines["count"].as_u64().context("a file has lines")?;
        sum.covered += lines["covered"].as_u64().context("a file has covered lines")?;
    }
    Ok(crates)
}

impl Lines {
    /// The covered share in percent; nothing of nothing.
    fn share(self) -> f64 {
        if self.count == 0 { 0.0 } else { self.covered as f64 * 100.0 / self.count as f64 }
    }

    fn is_low(self) -> bool {
        self.count == 0 || self.covered * 100 < self.count * FLOOR
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_are_summed_by_crate_and_judged() {
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

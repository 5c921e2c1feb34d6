//! Python for the suites: virtual environments with the packages of a lock file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::Missing;
use crate::cargo;

/// Folder of the virtual environments, in the folder of a suite.
const ENVIRONMENTS: &str = "env";
/// Copy of the lock file, in a virtual environment.
const INSTALLED_LOCK: &str = ".installed-lock.txt";

/// Returns the programs that are not installed.
pub(super) fn missing() -> Vec<Missing> {
    let mut probe = Command::new("python3");
    probe.args(["-c", "import ensurepip, venv"]);
    probe.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if probe.status().is_ok_and(|status| status.success()) {
        return Vec::new();
    }
    vec![Missing { program: "python3 with venv", package: "python3-venv" }]
}

/// Returns the program `python` of a virtual environment with the packages of a lock file. The packages are installed
/// unless they are.
///
/// # Errors
/// The environment cannot be created, or pip fails.
pub(super) fn program(folder: &Path, lock: &str) -> Result<PathBuf> {
    let path = folder.join(lock);
    let wanted = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let environment = folder.join(ENVIRONMENTS).join(lock.trim_end_matches(".txt"));
    let (installed, python) = (environment.join(INSTALLED_LOCK), environment.join("bin/python"));
    if fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    let mut create = Command::new("python3");
    create.args(["-m", "venv", "--clear"]).arg(&environment);
    ensure!(cargo::status(&mut create)?.success(), "`python3 -m venv` failed in {}", folder.display());
    let mut install = Command::new(&python);
    install.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--only-binary",
        ":all:",
    ]);
    install.args(["--no-deps", "--require-hashes", "--requirement"]).arg(&path);
    ensure!(cargo::status(&mut install)?.success(), "`pip install` failed for {}", path.display());
    fs::write(&installed, wanted).with_context(|| format!("cannot write {}", installed.display()))?;
    Ok(python)
}

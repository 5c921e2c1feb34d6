//! Browser tests of the page in headless Chromium, and its screenshots.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{Context, Missing, Suite, is_installed, node};
use crate::cargo;

pub(super) const SUITE: Suite = Suite { name: "page", missing, run };

/// Environment variable that names another browser.
pub(super) const CHROMIUM: &str = "CHROMIUM";
/// Names of the browser in Debian, in other distributions, and of its relative.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

pub(super) fn missing() -> Vec<Missing> {
    let mut missing = node::missing();
    if browser().is_none() {
        missing.push(Missing { program: "chromium", package: "chromium" });
    }
    missing
}

/// Runs all tests, one file at a time: each has its own server and its own browser.
fn run(context: &Context) -> Result<bool> {
    let files = node::tests(&context.clients.join(SUITE.name))?;
    let mut command = command(context)?;
    command.args(["--test", "--test-concurrency=1"]).args(files);
    Ok(cargo::status(&mut command)?.success())
}

/// Writes screenshots of every view to a folder.
pub(super) fn screenshots(context: &Context, folder: &Path) -> Result<bool> {
    let mut command = command(context)?;
    command.arg("screenshots.mjs").arg(context.root.join(folder));
    Ok(cargo::status(&mut command)?.success())
}

/// Returns a command that runs Node.js with the packages of the suite, the program and the browser.
fn command(context: &Context) -> Result<Command> {
    let folder = context.clients.join(SUITE.name);
    node::install(&folder)?;
    let mut command = Command::new(node::program(&context.clients)?);
    command.current_dir(folder).env("CAUSERIE_BINARY", &context.program);
    command.env(CHROMIUM, browser().context("chromium is not installed")?);
    Ok(command)
}

/// Returns the path of the browser.
pub(super) fn browser() -> Option<PathBuf> {
    if let Some(browser) = env::var_os(CHROMIUM) {
        return Some(PathBuf::from(browser));
    }
    let folders = env::var_os("PATH").unwrap_or_default();
    let name = BROWSERS.into_iter().find(|name| is_installed(name))?;
    env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file())
}

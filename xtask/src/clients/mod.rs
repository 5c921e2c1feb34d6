//! `cargo xtask clients`: runs programs of other projects, such as a browser, against the built program.
//!
//! Each suite has a module here and a folder with its lock files in `crates/http/tests/clients`. A suite whose programs
//! are not installed is skipped with a line that names them; with `CI=true` it fails.

mod ai_sdk;
mod description;
mod node;
mod openai;
mod page;
mod python;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::cargo;
use crate::options::Options;
use crate::workspace::Workspace;

/// Folder of the suites below the root.
const FOLDER: &str = "crates/http/tests/clients";

/// All suites.
const SUITES: [Suite; 2] = [ai_sdk::SUITE, page::SUITE];

/// A suite of client tests.
#[derive(Debug)]
struct Suite {
    /// Name on the command line and of the folder.
    name: &'static str,
    /// Returns the programs that are not installed.
    missing: fn() -> Vec<Missing>,
    /// Runs the suite and returns whether it passed.
    run: fn(&Context) -> Result<bool>,
}

/// A program that a suite needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Missing {
    program: &'static str,
    /// Package of Debian.
    package: &'static str,
}

/// The built program and the folder of the suites.
#[derive(Debug)]
struct Context {
    root: PathBuf,
    /// The program `causerie`.
    program: PathBuf,
    clients: PathBuf,
}

impl Context {
    fn build(workspace: &Workspace) -> Result<Self> {
        let root = workspace.root.clone();
        let program = cargo::build_programs(&root)?.causerie;
        Ok(Context { clients: root.join(FOLDER), root, program })
    }
}

/// Result of a suite.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    Skipped(Vec<Missing>),
}

/// Returns the suites of this module, of [`description`] and of [`openai`].
fn suites() -> impl Iterator<Item = Suite> {
    SUITES.into_iter().chain(description::SUITES).chain(openai::SUITES)
}

/// Returns the names of the suites.
pub(crate) fn names() -> Vec<&'static str> {
    suites().map(|suite| suite.name).collect()
}

/// Runs suites and prints a summary. A failed suite does not stop the others.
pub(crate) fn run(chosen: &[String], workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let is_chosen = |suite: &Suite| chosen.is_empty() || chosen.iter().any(|name| name == suite.name);
    let suites: Vec<_> = suites().filter(is_chosen).map(|suite| ((suite.missing)(), suite)).collect();
    let is_runnable = suites.iter().any(|(missing, _)| missing.is_empty());
    let context = if is_runnable { Some(Context::build(workspace)?) } else { None };
    let (mut summary, mut failed) = (Vec::new(), false);
    for (missing, suite) in suites {
        println!("── {}", suite.name);
        let start = Instant::now();
        let outcome = match &context {
            Some(context) if missing.is_empty() => match (suite.run)(context) {
                Ok(true) => Outcome::Passed,
                Ok(false) => Outcome::Failed,
                Err(error) => {
                    println!("cannot run: {error:#}");
                    Outcome::Failed
                }
            },
            _ => Outcome::Skipped(missing),
        };
        failed |= outcome.is_failure(options.ci);
        summary.push(outcome.row(suite.name, start.elapsed()));
    }
    println!("── summary\n{}", summary.join("\n"));
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Writes screenshots of the page to a folder.
///
/// # Errors
/// A program is not installed, or a step fails.
pub(crate) fn screenshots(folder: &Path, workspace: &Workspace) -> Result<ExitCode> {
    let missing = (page::SUITE.missing)();
    if !missing.is_empty() {
        bail!("{}", sentence(&missing));
    }
    let passed = page::screenshots(&Context::build(workspace)?, folder)?;
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Outcome {
    fn is_failure(&self, ci: bool) -> bool {
        match self {
            Outcome::Passed => false,
            Outcome::Failed => true,
            Outcome::Skipped(_) => ci,
        }
    }

    fn row(&self, name: &str, took: Duration) -> String {
        match self {
            Outcome::Passed => format!("{name:<24}passed  {:>4} s", took.as_secs()),
            Outcome::Failed => format!("{name:<24}FAILED  {:>4} s", took.as_secs()),
            Outcome::Skipped(missing) => format!("{name:<24}NOT RUN: {}", sentence(missing)),
        }
    }
}

/// Returns a sentence that names what is missing, and the command that installs it.
fn sentence(missing: &[Missing]) -> String {
    let programs: Vec<_> = missing.iter().map(|each| each.program).collect();
    let packages: Vec<_> = missing.iter().map(|each| each.package).collect();
    format!("not installed: {} (apt-get install {})", programs.join(", "), packages.join(" "))
}

/// Returns whether a program can be started.
fn is_installed(program: &str) -> bool {
    let mut probe = Command::new(program);
    probe.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skipped_suite_names_the_missing_programs_and_fails_in_ci_only() {
        let missing = vec![
            Missing { program: "node", package: "nodejs" },
            Missing { program: "chromium", package: "chromium" },
        ];
        let skipped = Outcome::Skipped(missing);
        assert!(!skipped.is_failure(false) && skipped.is_failure(true));
        assert_eq!(
            skipped.row("page", Duration::ZERO),
            "page                    NOT RUN: not installed: node, chromium (apt-get install nodejs chromium)"
        );
        assert!(Outcome::Failed.is_failure(false) && !Outcome::Passed.is_failure(true));
    }

    #[test]
    fn names_are_unique_and_have_a_folder() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(FOLDER);
        for (index, name) in names().into_iter().enumerate() {
            assert!(!names()[..index].contains(&name), "{name}");
            assert!(root.join(name).is_dir(), "{name}");
        }
    }
}

//! `cargo xtask test`: runs examples, doctests and tests on all available databases.

use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::cargo::{self, Programs};
use crate::options::Options;
use crate::postgres::{self, Database};
use crate::workspace::Workspace;

/// A command of the run, with its name in the summary.
#[derive(Debug)]
struct Step {
    name: String,
    command: Command,
}

/// Runs all steps and prints a summary. A failed step does not stop the others.
///
/// The exit code is that of the first failure. The tests are the last step, so that their summary is at the end.
pub(crate) fn run(workspace: &Workspace, options: &Options, arguments: &[String]) -> Result<ExitCode> {
    let root = &workspace.root;
    let database = postgres::provide(options)?;
    let mut steps = Vec::new();
    if arguments.is_empty() {
        steps.extend(examples(root)?);
        steps.push(doctests(root));
    }
    steps.push(tests(root, arguments));

    let mut summary = Vec::new();
    let mut first_failure = None;
    for Step { name, mut command } in steps {
        println!("── {name}");
        database.configure(&mut command);
        let start = Instant::now();
        let status = cargo::status(&mut command)?;
        summary.push(row(&name, status, start.elapsed()));
        first_failure = first_failure.or_else(|| failure(status));
    }
    if let Database::Absent = database {
        summary.push(postgres::NOT_RUN.into());
        first_failure = first_failure.or(options.ci.then_some(1));
    }
    println!("── summary\n{}", summary.join("\n"));
    Ok(first_failure.map_or(ExitCode::SUCCESS, ExitCode::from))
}

/// Returns a step for every example, which runs it without arguments. Its exit code is the result.
fn examples(root: &Path) -> Result<impl Iterator<Item = Step>> {
    let Programs { examples, .. } = cargo::build_programs(root)?;
    let root = root.to_owned();
    Ok(examples.into_iter().map(move |(name, program)| {
        let mut command = Command::new(program);
        command.current_dir(&root).stdin(Stdio::null());
        Step { name: format!("example {name}"), command }
    }))
}

fn doctests(root: &Path) -> Step {
    Step { name: "doctests".into(), command: cargo::on_workspace(root, &["test", "--doc", "--no-fail-fast"]) }
}

fn tests(root: &Path, arguments: &[String]) -> Step {
    let runner: &[&str] =
        if has_nextest() { &["nextest", "run"] } else { &["test", "--tests", "--no-fail-fast"] };
    let mut command = cargo::on_workspace(root, runner);
    command.args(arguments);
    Step { name: "tests".into(), command }
}

fn has_nextest() -> bool {
    let mut probe = Command::new("cargo");
    probe.args(["nextest", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}

fn row(name: &str, status: ExitStatus, took: Duration) -> String {
    let verdict = if status.success() { "passed" } else { "FAILED" };
    format!("{name:<24}{verdict}  {:>4} s", took.as_secs())
}

/// Returns the exit code of a failure; 1 if a signal ended the process; `None` if the process succeeded.
fn failure(status: ExitStatus) -> Option<u8> {
    match status.code() {
        Some(0) => None,
        code => Some(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn a_failure_keeps_its_exit_code() {
        #[track_caller]
        fn check(status: i32, expected: Option<u8>) {
            assert_eq!(failure(ExitStatus::from_raw(status)), expected);
        }

        check(0, None);
        check(100 << 8, Some(100));
        check(9, Some(1));
    }
}

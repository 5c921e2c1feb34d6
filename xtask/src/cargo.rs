//! Cargo commands, all with the same selection of packages and features.

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use cargo_metadata::{Message, TargetKind};

/// Returns a Cargo command over the whole workspace with all features.
///
/// Cargo builds a dependency once for each set of its features, and the set depends on the selected packages. With a
/// single selection the checks and the tests share one build.
pub(crate) fn on_workspace(root: &Path, subcommand: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(subcommand).args(["--workspace", "--all-features"]).current_dir(root);
    command
}

/// Runs a command until it exits, with inherited output.
pub(crate) fn status(command: &mut Command) -> Result<ExitStatus> {
    command.status().with_context(|| format!("cannot run `{}`", line(command)))
}

/// Returns the command as a line for a shell.
pub(crate) fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Builds a binary of one package alone, with the features that a user gets, and returns its path.
///
/// # Errors
/// The build fails, or the package has no such binary.
pub(crate) fn build_binary(root: &Path, package: &str, binary: &str, profile: &str) -> Result<PathBuf> {
    let mut command = Command::new("cargo");
    command.args(["build", "--package", package, "--bin", binary, "--profile", profile]).current_dir(root);
    command.args(["--message-format=json-render-diagnostics"]).stdout(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot run `{}`", line(&command)))?;
    let output = child.stdout.take().context("cargo has no output to read")?;
    let mut path = None;
    for message in Message::parse_stream(BufReader::new(output)) {
        let Message::CompilerArtifact(artifact) = message? else { continue };
        if artifact.target.name == binary && artifact.target.kind == [TargetKind::Bin] {
            path = artifact.executable.map(Into::into);
        }
    }
    ensure!(child.wait()?.success(), "`{}` failed", line(&command));
    path.with_context(|| format!("the build produced no program `{binary}`"))
}

/// Programs of the workspace that checks and tests run.
#[derive(Debug)]
pub(crate) struct Programs {
    /// The binary `causerie`.
    pub(crate) causerie: PathBuf,
    /// The binary `soak`.
    pub(crate) soak: PathBuf,
    /// Every example, by name.
    pub(crate) examples: Vec<(String, PathBuf)>,
}

/// Builds the programs.
///
/// The examples also make Cargo unify features with those of the dev-dependencies, as it does for tests, so that the
/// binary is not built a second time.
///
/// # Errors
/// The build fails, or it produces no `causerie` or `soak`.
pub(crate) fn build_programs(root: &Path) -> Result<Programs> {
    let mut command = on_workspace(root, &["build", "--bin", "causerie", "--bin", "soak", "--examples"]);
    command.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot run `{}`", line(&command)))?;
    let output = child.stdout.take().context("cargo has no output to read")?;

    let (mut causerie, mut soak) = (None, None);
    let mut examples = Vec::new();
    for message in Message::parse_stream(BufReader::new(output)) {
        let Message::CompilerArtifact(artifact) = message? else { continue };
        let Some(executable) = artifact.executable else { continue };
        match artifact.target.kind.as_slice() {
            [TargetKind::Bin] if artifact.target.name == "causerie" => causerie = Some(executable.into()),
            [TargetKind::Bin] if artifact.target.name == "soak" => soak = Some(executable.into()),
            [TargetKind::Example] => examples.push((artifact.target.name, executable.into())),
            _ => {}
        }
    }
    ensure!(child.wait()?.success(), "`{}` failed", line(&command));

    examples.sort();
    let Some(causerie) = causerie else { bail!("the build produced no program `causerie`") };
    let Some(soak) = soak else { bail!("the build produced no program `soak`") };
    Ok(Programs { causerie, soak, examples })
}

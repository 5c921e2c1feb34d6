//! Processes of a run: started on a core, measured, and stopped with the run.

mod cores;
pub(crate) mod usage;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};

pub(crate) use self::cores::{Cores, pin, pinned};

/// A started process. Dropping it kills the process.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// Starts a program on a core. Its standard input and output are pipes.
    ///
    /// The program should call [`end_with_parent`], or be started by a role of this program that does.
    pub(crate) fn start(command: &mut Command, core: usize) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let name = command.get_program().to_owned();
        let child = pinned(core, || command.spawn())?;
        let mut child = child.with_context(|| format!("cannot start {}", Path::new(&name).display()))?;
        let input = child.stdin.take().context("a process has no input")?;
        let output = BufReader::new(child.stdout.take().context("a process has no output")?);
        Ok(Process { child, input, output })
    }

    /// Starts this program with other arguments.
    pub(crate) fn start_self(arguments: &[&str], core: usize) -> Result<Self> {
        Self::start(Command::new(std::env::current_exe()?).args(arguments), core)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes a line to the process.
    pub(crate) fn write_line(&mut self, line: &str) -> Result<()> {
        writeln!(self.input, "{line}").context("the process has closed its input")
    }

    /// Reads a line of the process.
    ///
    /// # Errors
    /// It has ended.
    pub(crate) fn read_line(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(self.output.read_line(&mut line)? > 0, "the process has ended");
        Ok(line.trim_end().to_owned())
    }

    /// Reads lines until one contains the address on which the process listens.
    pub(crate) fn read_address(&mut self) -> Result<SocketAddr> {
        loop {
            let line = self.read_line().context("before it named its address")?;
            if let Some(address) = find_address(&line) {
                return Ok(address);
            }
        }
    }

    /// Stops the process with SIGTERM and waits for its end.
    pub(crate) fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the process ended with {status}");
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Requests that the system kills this process when the one that started it ends, even if that is killed.
///
/// The request stays in force for a program that replaces this one.
pub(crate) fn end_with_parent() -> Result<()> {
    Ok(set_parent_process_death_signal(Some(Signal::KILL))?)
}

/// Returns the address of an `http` URL in a line.
fn find_address(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("http://")?;
    let end = rest.find(|char: char| !(char.is_ascii_digit() || ".:".contains(char))).unwrap_or(rest.len());
    rest[..end].trim_end_matches(['.', ':']).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_banner_is_found() {
        let address = SocketAddr::from(([127, 0, 0, 1], 8080));
        for line in [
            "http://127.0.0.1:8080",
            "Causerie listens on http://127.0.0.1:8080; the API is at http://127.0.0.1:8080/docs.",
            "Open http://127.0.0.1:8080/#code=abc",
        ] {
            assert_eq!(find_address(line), Some(address), "{line}");
        }
        assert_eq!(find_address("address=127.0.0.1:8080"), None);
    }
}

//! The load generator as a process, seen from the run that starts it.

use anyhow::{Context as _, Result};

use super::protocol::{Command, Outcome, Target};
use crate::process::Process;

/// A running load generator. Dropping it stops the process.
#[derive(Debug)]
pub(crate) struct LoadProcess(Process);

impl LoadProcess {
    /// Starts a load generator on a core.
    pub(crate) fn start(target: &Target, core: usize) -> Result<Self> {
        let mut process = Process::start_self(&["load"], core)?;
        process.write_line(&serde_json::to_string(target)?)?;
        Ok(LoadProcess(process))
    }

    /// Runs a command and returns its result.
    pub(crate) fn run(&mut self, command: &Command) -> Result<Outcome> {
        self.0.write_line(&serde_json::to_string(command)?)?;
        let line = self.0.read_line().with_context(|| format!("the load generator failed at {command:?}"))?;
        Ok(serde_json::from_str(&line)?)
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

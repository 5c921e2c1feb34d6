//! Signals to processes that a test has started.

use std::process::{Child, Command};

use anyhow::{Result, ensure};

/// Sends a signal by its name without `SIG`, such as `TERM`.
///
/// It uses the `kill` of the shell, because not every system has a program of this name.
///
/// # Errors
/// There is no shell, no such signal, or the process has ended.
pub fn signal(program: &Child, name: &str) -> Result<()> {
    let status = Command::new("sh").args(["-c", &format!("kill -{name} {}", program.id())]).status()?;
    ensure!(status.success(), "SIG{name} cannot be sent to {}", program.id());
    Ok(())
}

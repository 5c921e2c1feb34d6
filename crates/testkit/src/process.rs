//! Signals to programs that a test has started.

use std::process::{Child, Command};

use anyhow::{Result, ensure};

/// Sends a program a signal by its name without `SIG`, such as `TERM`.
///
/// The shell's own `kill` does it: a bare system has no program of that name.
///
/// # Errors
/// Where there is no shell, no such signal, or no such program any more.
pub fn signal(program: &Child, name: &str) -> Result<()> {
    let status = Command::new("sh").args(["-c", &format!("kill -{name} {}", program.id())]).status()?;
    ensure!(status.success(), "SIG{name} cannot be sent to {}", program.id());
    Ok(())
}

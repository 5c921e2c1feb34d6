//! Cores of the machine: one for the measured server, another one for upstream and load generator.

use std::fmt;

use anyhow::{Result, bail};
use rustix::thread::{CpuSet, Pid, sched_getaffinity, sched_setaffinity};

/// Numbers of cores.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cores {
    pub(crate) server: usize,
    pub(crate) upstream: usize,
    /// The core of the upstream if there are only two.
    pub(crate) load: usize,
}

impl Cores {
    /// Chooses cores of those that this process may use.
    ///
    /// # Errors
    /// There is only one.
    pub(crate) fn choose() -> Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).take(3).collect();
        Ok(match cores.as_slice() {
            [server, upstream, load] => Cores { server: *server, upstream: *upstream, load: *load },
            [server, other] => Cores { server: *server, upstream: *other, load: *other },
            _ => bail!("the benchmark needs two cores"),
        })
    }

    /// Returns whether upstream and load generator share a core.
    pub(crate) fn are_shared(self) -> bool {
        self.upstream == self.load
    }
}

impl fmt::Display for Cores {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cores { server, upstream, load } = self;
        write!(
            formatter,
            "server on core {server}, upstream on core {upstream}, load generator on core {load}"
        )
    }
}

/// Runs a function while this thread is on one core. Processes that it starts stay there.
pub(crate) fn pinned<T>(core: usize, run: impl FnOnce() -> T) -> Result<T> {
    let before = sched_getaffinity(None)?;
    sched_setaffinity(None, &one(core))?;
    let result = run();
    sched_setaffinity(None, &before)?;
    Ok(result)
}

/// Moves a process with one thread, and the processes that it starts from now on, to a core.
pub(crate) fn pin(process: u32, core: usize) -> Result<()> {
    let process = i32::try_from(process)?;
    Ok(sched_setaffinity(Pid::from_raw(process), &one(core))?)
}

fn one(core: usize) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(core);
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_started_process_stays_on_the_core() -> Result<()> {
        let allowed = sched_getaffinity(None)?;
        let core = (0..CpuSet::MAX_CPU).find(|core| allowed.is_set(*core)).unwrap_or_default();
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "grep Cpus_allowed_list /proc/self/status"]);
        let output = pinned(core, || command.output())??;
        assert_eq!(String::from_utf8(output.stdout)?, format!("Cpus_allowed_list:\t{core}\n"));
        assert_eq!(sched_getaffinity(None)?, allowed);
        Ok(())
    }
}

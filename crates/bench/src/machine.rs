//! The machine of a run, and its limit of open files.

use std::fs;

use anyhow::Result;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::record::Machine;

/// Raises the limit of open files of this process, and of the processes that it starts, as far as permitted.
pub(crate) fn raise_open_files() -> Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

/// Describes the machine.
pub(crate) fn describe() -> Machine {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    Machine {
        processor: processor(&read("/proc/cpuinfo")).unwrap_or_else(|| "unknown processor".into()),
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        open_files: getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX),
    }
}

fn processor(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_has_a_name() {
        assert_eq!(processor("processor\t: 0\nmodel name\t: A B\n"), Some("A B".into()));
        assert_eq!(processor(""), None);
    }
}

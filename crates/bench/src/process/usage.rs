//! CPU time and memory of processes, as `/proc` reports them.

use std::fs;

use anyhow::{Context as _, Result};

/// Returns the CPU time of a process, user and system, in microseconds. Its resolution is that of the clock ticks, mostly 10 ms.
pub(crate) fn cpu_us(process: u32) -> Result<u64> {
    Ok(to_us(Stat::read(process)?.own_ticks))
}

/// Returns the CPU time of a process and of all processes that it has started, ended ones included, in microseconds.
pub(crate) fn cpu_us_with_children(process: u32) -> Result<u64> {
    let parent = Stat::read(process)?;
    let mut ticks = parent.own_ticks + parent.ended_children_ticks;
    for child in children(process)? {
        // A process may end while the list is read; then the next sample has its time.
        if let Ok(stat) = Stat::read(child) {
            ticks += stat.own_ticks;
        }
    }
    Ok(to_us(ticks))
}

/// Returns the processes that a process has started.
pub(crate) fn children(process: u32) -> Result<Vec<u32>> {
    let entries = fs::read_dir("/proc")?.flatten();
    let processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(processes.filter(|child| Stat::read(*child).is_ok_and(|stat| stat.parent == process)).collect())
}

/// Returns the resident memory of a process in KiB.
pub(crate) fn resident_kib(process: u32) -> Result<u64> {
    let path = format!("/proc/{process}/status");
    parse_resident(&fs::read_to_string(&path)?).with_context(|| format!("{path} has no VmRSS"))
}

fn to_us(ticks: u64) -> u64 {
    ticks * 1_000_000 / rustix::param::clock_ticks_per_second()
}

fn parse_resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// Fields of `/proc/<pid>/stat`; proc(5) numbers them from 1.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    own_ticks: u64,
    ended_children_ticks: u64,
}

impl Stat {
    fn read(process: u32) -> Result<Self> {
        let path = format!("/proc/{process}/stat");
        let text = fs::read_to_string(&path).with_context(|| format!("process {process} has ended"))?;
        Self::parse(&text).with_context(|| format!("{path} has another form"))
    }

    fn parse(text: &str) -> Option<Self> {
        // The name in parentheses may itself contain parentheses and spaces. The state after it is field 3.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Stat {
            parent: u32::try_from(field(4)?).ok()?,
            own_ticks: field(14)? + field(15)?,
            ended_children_ticks: field(16)? + field(17)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_a_process_are_read_behind_its_name() {
        let text = "812 (a b) c)) S 77 812 812 0 -1 4194560 10 20 0 0 310 42 5 6 20 0 3 0 100 1 2\n";
        let stat = Stat { parent: 77, own_ticks: 352, ended_children_ticks: 11 };
        assert_eq!(Stat::parse(text), Some(stat));
        assert_eq!(Stat::parse("812 (a) S 77"), None);
    }

    #[test]
    fn resident_memory_is_in_kib() {
        assert_eq!(parse_resident("VmPeak:\t 9 kB\nVmRSS:\t   4321 kB\n"), Some(4321));
        assert_eq!(parse_resident("VmPeak:\t 9 kB\n"), None);
    }

    #[test]
    fn a_child_is_found_by_its_parent() -> Result<()> {
        let mut child = std::process::Command::new("sleep").arg("60").spawn()?;
        let found = children(std::process::id());
        // The time goes on between two reads, so the smaller one is read first.
        let own = cpu_us(std::process::id());
        let with_children = cpu_us_with_children(std::process::id());
        child.kill()?;
        child.wait()?;
        assert!(found?.contains(&child.id()));
        assert!(with_children? >= own?);
        Ok(())
    }
}

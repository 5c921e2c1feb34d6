//! Instruction counts of a program, as callgrind writes them at its end.

use std::path::Path;

use anyhow::{Context as _, Result};

/// Returns the arguments that run a program under callgrind.
pub(super) fn prefix(output: &Path) -> Vec<String> {
    vec![
        "valgrind".to_owned(),
        "--tool=callgrind".to_owned(),
        // Threads take turns, so that none waits in a loop for one that does not run.
        "--fair-sched=try".to_owned(),
        "--quiet".to_owned(),
        format!("--callgrind-out-file={}", output.display()),
    ]
}

/// Reads the instructions of all threads, the kernel excluded.
pub(super) fn read(output: &Path) -> Result<u64> {
    let text = std::fs::read_to_string(output).context("callgrind wrote no counts")?;
    parse(&text).with_context(|| format!("{} has no totals", output.display()))
}

fn parse(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("totals:"))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_totals_are_the_count() {
        assert_eq!(parse("events: Ir\nfn=(1) a\n1 20\n\ntotals: 123456\n"), Some(123_456));
        assert_eq!(parse("events: Ir\n"), None);
    }
}

//! The recorded counts, and the verdict on new ones.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Deviation from the record, in percent, that is no finding.
const TOLERANCE_PERCENT: u64 = 5;

/// Instructions by benchmark.
pub(super) type Counts = BTreeMap<String, u64>;

/// Comparison of a count with the recorded one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Unchanged,
    More,
    /// The record has to be written again, so that a later increase is noticed.
    Fewer,
    NotRecorded,
}

/// Reads the record; it is empty if there is no file.
pub(super) fn read(path: &Path) -> Result<Counts> {
    if !path.exists() {
        return Ok(Counts::new());
    }
    serde_json::from_slice(&std::fs::read(path)?).with_context(|| format!("{} is invalid", path.display()))
}

/// Writes the record.
pub(super) fn write(path: &Path, counts: &Counts) -> Result<()> {
    let text = serde_json::to_string_pretty(counts)? + "\n";
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Compares a count with the recorded one.
pub(super) fn compare(count: u64, recorded: Option<u64>) -> Verdict {
    let Some(recorded) = recorded else { return Verdict::NotRecorded };
    if count * 100 > recorded * (100 + TOLERANCE_PERCENT) {
        Verdict::More
    } else if count * 100 < recorded * (100 - TOLERANCE_PERCENT) {
        Verdict::Fewer
    } else {
        Verdict::Unchanged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deviation_of_more_than_five_percent_is_a_finding() {
        for (count, expected) in [
            (950, Verdict::Unchanged),
            (1050, Verdict::Unchanged),
            (1051, Verdict::More),
            (949, Verdict::Fewer),
        ] {
            assert_eq!(compare(count, Some(1000)), expected, "{count}");
        }
        assert_eq!(compare(1, None), Verdict::NotRecorded);
    }

    #[test]
    fn a_record_is_read_as_it_was_written() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("counts.json");
        assert_eq!(read(&path)?, Counts::new());
        let counts = Counts::from([("one turn".to_owned(), 7)]);
        write(&path, &counts)?;
        assert_eq!(read(&path)?, counts);
        Ok(())
    }
}

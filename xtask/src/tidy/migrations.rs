//! Rules for the migrations: equal sets for both databases, and money in whole numbers.

use std::collections::BTreeSet;

use super::files::File;
use crate::finding::Finding;

const DATABASES: [&str; 2] = ["postgres", "sqlite"];
const SCHEMA: &str = "crates/persistence/src/schema.rs";
const MONEY: [&str; 5] = ["cost", "price", "usd", "budget", "credit"];
const NOT_WHOLE: [&str; 5] = ["real", "float", "double", "numeric", "decimal"];

/// Every migration has both directions on both databases.
pub(crate) fn folders(files: &[File]) -> Vec<Finding> {
    let paths: BTreeSet<_> = files.iter().map(|file| file.path.as_str()).collect();
    let names: BTreeSet<_> = paths.iter().filter_map(|path| migration(path)).collect();
    let expected = DATABASES.iter().flat_map(|database| {
        names.iter().flat_map(move |name| {
            ["down", "up"].map(|direction| format!("migrations/{database}/{name}/{direction}.sql"))
        })
    });
    expected
        .filter(|path| !paths.contains(path.as_str()))
        .map(|path| Finding::error(path, "is missing: both databases have the same migrations, up and down"))
        .collect()
}

fn migration(path: &str) -> Option<&str> {
    let mut parts = path.strip_prefix("migrations/")?.split('/');
    DATABASES.contains(&parts.next()?).then(|| parts.next())?
}

/// Columns that are named like money and are not whole numbers.
pub(crate) fn money(file: &File) -> Vec<Finding> {
    if !(file.path == SCHEMA || file.path.starts_with("migrations/")) {
        return Vec::new();
    }
    let lines = (1..).zip(file.text.lines().map(str::to_lowercase));
    lines
        .filter(|(_, line)| MONEY.iter().any(|word| line.contains(word)) && has_fraction(line))
        .map(|(number, _)| {
            Finding::error(
                format!("{}:{number}", file.path),
                "money is a whole number of pico-dollars (BIGINT)",
            )
        })
        .collect()
}

fn has_fraction(line: &str) -> bool {
    let mut words = line.split(|char: char| !char.is_alphanumeric());
    words.any(|word| NOT_WHOLE.iter().any(|kind| word.starts_with(kind)))
}
